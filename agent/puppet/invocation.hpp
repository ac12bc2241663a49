#pragma once

#include "agent/config/config.hpp"
#include "agent/platform/instance_metadata.hpp"
#include "agent/repository/checkout.hpp"
#include "agent/role/keys/role_config.hpp"
#include "common/processes/process.hpp"

#include <sys/types.h>

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace bootwright {

/// The files of one `puppet apply`, all below the run's own folder, so that no file of an earlier run is taken for this
/// one's.
struct PuppetFiles {
    explicit PuppetFiles(std::filesystem::path run_folder) : folder(std::move(run_folder)) {}

    std::filesystem::path folder;
    [[nodiscard]] std::filesystem::path facts() const { return folder / "facts"; }
    [[nodiscard]] std::filesystem::path hiera() const { return folder / "hiera.yaml"; }
    [[nodiscard]] std::filesystem::path data() const { return folder / "data.json"; }
    [[nodiscard]] std::filesystem::path classes() const { return folder / "classes.txt"; }
    [[nodiscard]] std::filesystem::path allowed() const { return folder / "allowed.json"; }
    [[nodiscard]] std::filesystem::path eyaml() const { return folder / "eyaml.json"; }
    /// Facts to compile with in place of Facter's; not there in a run.
    [[nodiscard]] std::filesystem::path given_facts() const { return folder / "given_facts.json"; }
    // Written by Puppet:
    [[nodiscard]] std::filesystem::path log() const { return folder / "puppet.jsonl"; }
    [[nodiscard]] std::filesystem::path compressed_log() const { return log().string() + ".gz"; }
    [[nodiscard]] std::filesystem::path summary() const { return folder / "last_run_summary.yaml"; }
    [[nodiscard]] std::filesystem::path resources() const { return folder / "resources.txt"; }
    // Written by observe.rb:
    [[nodiscard]] std::filesystem::path observation() const { return folder / "observation.json"; }
    [[nodiscard]] std::filesystem::path catalog() const { return folder / "catalog.json.gz"; }
    [[nodiscard]] std::filesystem::path kept_facts() const { return folder / "facts.json.gz"; }
};

/// A file to be written before Puppet starts.
struct PreparedFile {
    std::filesystem::path path;
    std::string content;
};

/// What must be looked up before the invocation.
struct PuppetPlace {
    std::filesystem::path program;             ///< puppet itself
    std::filesystem::path state;               ///< Puppet's own confdir, vardir and codedir lie in here
    std::string environment_name;              ///< $environment
    std::string certname;                      ///< as as_certname() makes it
    std::filesystem::path observer;            ///< observe.rb
    std::filesystem::path trusted_facts;       ///< prints trusted.json, for Puppet
    std::map<std::string, std::string> proxy;  ///< http_proxy and the like, for what Puppet installs
    std::filesystem::path repositories{};      ///< the folder of the repositories beside the control repository

    /// Puppet's codedir, as lay_out_code() makes it.
    [[nodiscard]] std::filesystem::path code() const { return state / "code"; }
};

/// The marker that observe.rb's lines on standard output begin with: "MARKER 12 82".
inline constexpr std::string_view progress_marker = "bootwright-progress";

/// The line of observe.rb's on standard output that says: there is a catalog, and nothing of it is applied yet.
inline constexpr std::string_view compiled_marker = "bootwright-compiled";

/// The files that carry role, facts, classes and data into the run, and the instance metadata as the fact `cloud`. It
/// is also in $trusted['external'], where no manifest and no fact can overwrite it.
std::vector<PreparedFile> prepared_files(const PuppetFiles& files, const PuppetPlace& place, const AgentConfig& config,
                                         const InstanceMetadata& instance, const RoleConfig& role,
                                         const Checkout& checkout);

/// The image's limits for Puppet and all that it starts.
ProcessLimits limits_of(const AgentConfig& config);

/// The hermetic `puppet apply`: what runs is what is pinned, whatever the image's own Puppet configuration, modules and
/// state say. Each option avoids a trap that was measured; docs/puppet.md lists them.
ProcessRequest puppet_request(const PuppetFiles& files, const PuppetPlace& place, const AgentConfig& config,
                              const RoleConfig& role, const Checkout& checkout);

}  // namespace bootwright
