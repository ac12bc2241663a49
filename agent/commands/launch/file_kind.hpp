#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace bootwright {

/// What a file is for, and with it whose word it is.
enum class FileKind {
    agent,      ///< the image's configuration: agent.json, or a file of agent.d
    role,       ///< a role config that root alone can change: role.json
    user_data,  ///< what is handed over at launch, in any form: anyone's word
};

/// "agent", "role", "user-data".
std::string_view to_string(FileKind kind);
/// Returns nullopt if it is none of these words.
std::optional<FileKind> file_kind(std::string_view word);

/// By the file's name, else by what stands in it. Where it may be a role config of root's or user-data, it is user-data, of
/// which more is refused. Returns nullopt if nobody can tell.
std::optional<FileKind> kind_of(const std::filesystem::path& file, const std::string& text);

}  // namespace bootwright
