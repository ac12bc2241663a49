#pragma once

#include "agent/commands/launch/file_kind.hpp"
#include "agent/config/config.hpp"
#include "agent/config/system.hpp"
#include "agent/role/keys/role_config.hpp"
#include "common/documents/json.hpp"

#include <optional>
#include <string>
#include <vector>

namespace bootwright {

/// A file that a developer asks about.
struct CheckedFile {
    std::string path;  ///< as it was given
    FileKind kind = FileKind::user_data;
    std::string text{};
    bool is_part = false;  ///< of a role config: what it lacks may be said elsewhere
    Mistakes mistakes{};
    std::optional<RoleConfig> role{};  ///< what it says with the image's defaults, if it can be read
};

/// Reads all that there is to say against the files, with the readers that the agent has at boot. Files of the kind `agent` are
/// the image, in their order; without one, what is in /etc/bootwright is. The others are judged as on a machine of that image
/// without tags. The files must stay where they are. Returns the image's configuration.
/// @throws Error config.invalid, io.*: of /etc/bootwright
AgentConfig check_files(const System& system, std::vector<CheckedFile>& files);

/// "web.json:12:5: puppet.timeout: what is wrong; what would be right", and without line and column where there are none.
/// Lines are those of the file, or of what was packed in it: then its name is followed by ", unpacked".
std::string line_for(const CheckedFile& file, const Mistake& mistake);

/// {file, kind, good, mistakes: [{document, line, column, path, code, why, advice}]}
Json to_json(const CheckedFile& file);

}  // namespace bootwright
