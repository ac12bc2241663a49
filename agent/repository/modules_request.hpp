#pragma once

#include "agent/repository/fetch_request.hpp"
#include "agent/repository/module_metadata.hpp"
#include "common/base/error.hpp"
#include "common/documents/json.hpp"
#include "common/net/url.hpp"

#include <optional>
#include <string>
#include <vector>

namespace bootwright {

/// A module whose content is asked for.
struct ModuleWish {
    Url url;  ///< may hold credentials
    std::vector<std::string>
        revisions{};  ///< full commit ids, or names such as "refs/tags/v1"; the first that is there counts
    std::string
        release{};  ///< of the Forge at `url`: "puppetlabs-apt", whose newest release is meant, or "puppetlabs-apt-9.4.0"; "": git
    std::string sha256{};        ///< of the release's archive; "": any will do
    std::string short_commit{};  ///< at last: the beginning of a commit's id, in the history of HEAD; "": none
};

/// What `bootwright modules` asks of the child. It goes to the child's standard input, since URLs may hold passwords.
struct ModulesRequest {
    FetchRequest fetch;  ///< folders to work in, and settings
    std::vector<ModuleWish> modules{};
};

/// What a module's content is, or why nobody can say.
struct ResolvedModule {
    std::string commit{};
    std::string tree{};
    std::string version{};  ///< of a release of the Forge; "": it is none
    Url url{};              ///< of its archive
    std::string sha256{};
    std::optional<ModuleMetadata> metadata{};  ///< nullopt: it has none
    std::optional<Error> problem{};
};

Json to_json(const ModulesRequest& request);
/// @throws std::exception if `json` was not made by to_json
ModulesRequest modules_request_from_json(const Json& json);

/// Read by read_fetch_event().
Json to_json(const ResolvedModule& module);

}  // namespace bootwright
