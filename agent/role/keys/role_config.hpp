#pragma once

#include "agent/role/keys/announce_config.hpp"
#include "agent/role/keys/health_config.hpp"
#include "agent/role/keys/speaker.hpp"
#include "common/documents/json.hpp"
#include "common/net/url.hpp"

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace bootwright {

/// The instance-specific configuration: which part of the control repository this machine is, and at which revision.
struct RoleConfig {
    std::string role{};
    std::vector<std::string> classes{};
    Json facts = Json::object();
    Json data = Json::object();  ///< the top layer of Hiera; may hold secrets, so it is never shown

    struct Repository {
        Url url{};
        std::vector<Url> mirrors{};  ///< other places of the same repository, snapshots too
        std::string revision{};      ///< the pin: 40 hex, or a branch or tag if the image allows them
        std::string environment{};   ///< [a-z0-9_]+: environments/NAME inside it; empty: the whole of it
    } repository{};

    /// A second repository, pinned likewise: this instance's configuration, or data.
    struct Configuration {
        Url url{};  ///< empty: there is none
        std::vector<Url> mirrors{};
        std::string revision{};
        std::string path{};  ///< inside it, relative; empty: not said
    } configuration{};

    /// More repositories, pinned likewise: data, secrets or modules beside the control repository.
    struct Beside {
        std::string name;  ///< [a-z][a-z0-9_-]*, its own folder's
        Url url;
        std::vector<Url> mirrors{};
        std::string revision;
    };
    std::vector<Beside> repositories{};  ///< no two of one name

    struct Puppet {
        bool noop = false;
        std::optional<std::chrono::milliseconds> timeout{};                     ///< nullopt: the image's
        enum class OnFailure { stay, last_good } on_failure = OnFailure::stay;  ///< of a revision that is given up
        std::string certname = "%{id}";                                         ///< certname_template.hpp
        std::string environment_name{};                                         ///< [a-z0-9_]+; empty: "production"
        std::string hiera_config{};  ///< a hiera.yaml below Puppet's $codedir, relative; empty: none
    } puppet{};

    HealthConfig health{};
    AnnounceConfig announce{};

    struct Schedule {
        std::optional<std::chrono::milliseconds> interval{};  ///< between runs; nullopt: only at boot
        std::optional<std::chrono::milliseconds> splay{};  ///< over which a fleet spreads; nullopt: the whole interval
    } schedule{};

    /// Where each value came from: "repository.url" → "/etc/bootwright/agent.json".
    std::map<std::string, std::string> origins{};
    /// Whose word each document is: "/etc/bootwright/agent.json" → the image's.
    std::map<std::string, Speaker> speakers{};
};

}  // namespace bootwright
