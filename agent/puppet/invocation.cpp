#include "agent/puppet/invocation.hpp"

#include "agent/puppet/warm.hpp"
#include "common/base/text.hpp"

#include <unistd.h>

#include <algorithm>

namespace bootwright {

namespace {

std::string hiera_config(const PuppetFiles& files) {
    return "---\nversion: 5\nhierarchy:\n  - name: bootwright role config\n    data_hash: json_data\n    datadir: " +
           files.folder.string() + "\n    path: data.json\n";
}

/// The fact `cloud` replaces Facter's own of that name, which has only `provider`, in Facter's own words.
Json cloud_fact(const InstanceMetadata& instance) {
    Json cloud = to_json(instance);
    cloud["provider"] = instance.platform == "ec2" ? "aws" : instance.platform;
    return cloud;
}

Json external_facts(const AgentConfig& config, const InstanceMetadata& instance, const RoleConfig& role) {
    Json facts = role.facts;
    facts["cloud"] = cloud_fact(instance);
    if (!role.role.empty()) {
        facts[config.puppet.role_fact] = role.role;
    }
    return facts;
}

std::uint64_t bytes_of(const MemorySize& size) {
    constexpr std::uint64_t whole = 100;
    const auto pages = static_cast<std::uint64_t>(sysconf(_SC_PHYS_PAGES));
    const auto page = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
    return size.percent > 0 ? pages * page / whole * static_cast<std::uint64_t>(size.percent) : size.bytes;
}

}  // namespace

std::vector<PreparedFile> prepared_files(const PuppetFiles& files, const PuppetPlace& place, const AgentConfig& config,
                                         const InstanceMetadata& instance, const RoleConfig& role) {
    std::vector<PreparedFile> prepared{
        {files.facts() / "bootwright.json", to_text(external_facts(config, instance, role))},
        {files.hiera(), hiera_config(files)},
        {files.data(), to_text(role.data)},
        {files.no_manifest(), ""},
        {place.state / "trusted.json", to_text({{"cloud", cloud_fact(instance)}})},
    };
    if (!role.classes.empty()) {
        prepared.push_back({files.classes(), joined(role.classes, "\n") + "\n"});
    }
    return prepared;
}

ProcessLimits limits_of(const AgentConfig& config) {
    return {.control_group = "puppet",
            .nice = config.puppet.nice,
            .io_class = config.puppet.io_class,
            .memory_high = bytes_of(config.puppet.memory_high),
            .memory_max = bytes_of(config.puppet.memory_max)};
}

ProcessRequest puppet_request(const PuppetFiles& files, const PuppetPlace& place, const AgentConfig& config,
                              const InstanceMetadata& instance, const RoleConfig& role, const Checkout& checkout) {
    const std::string conf = (place.state / "conf").string();
    const std::string var = (place.state / "var").string();
    std::vector<std::string> arguments{
        place.program.string(),
        "apply",
        "--confdir=" + conf,
        "--vardir=" + var,
        "--logdir=" + var + "/log",
        "--rundir=" + var + "/run",
        "--statedir=" + var + "/state",
        "--ssldir=" + var + "/ssl",  // Debian keeps these three elsewhere
        "--cadir=" + var + "/ca",
        "--codedir=" + conf + "/code",
        "--publicdir=" + files.folder.string(),  // --vardir does not move it, and the summary is there
        "--environmentpath=" + place.environment.parent_path().string(),
        "--environment=" + place.environment.filename().string(),
        "--basemodulepath=" + files.no_modules().string(),  // the image's modules must not leak in
        "--hiera_config=" + files.hiera().string(),
        "--pluginfactdest=" + files.facts().string(),
        "--certname=" + certname(instance.instance_id),
        "--trusted_external_command=" + place.trusted_facts.string(),
        "--config_version=/bin/echo " + checkout.revision,  // a script of the repository's own would fail the run
        "--logdest=" + files.log().string(),
        "--write_catalog_summary",  // shows if a catalog was compiled, and if it is empty
        "--resourcefile=" + files.resources().string(),
        "--classfile=" + files.classes().string(),
        "--detailed-exitcodes",  // without it a failed resource gives 0
        "--reports=none",        // it would store one in each run, and never remove any
    };
    if (!role.classes.empty()) {
        arguments.emplace_back("--loadclasses");  // from classfile
    }
    if (role.puppet.noop) {
        arguments.emplace_back("--noop");
    }
    arguments.push_back(place.manifest.empty() ? files.no_manifest().string() : place.manifest.string());

    ProcessRequest request{.arguments = std::move(arguments),
                           .environment = place.proxy,
                           .timeout = role.puppet.timeout.value_or(config.puppet.timeout),
                           .grace = std::chrono::seconds(10),
                           .limits = limits_of(config)};
    request.environment.merge(puppet_environment());
    request.environment["RUBYOPT"] = "-r" + place.observer.string();
    request.environment["BOOTWRIGHT_RUN_FOLDER"] = files.folder.string();
    return request;
}

std::string certname(std::string_view instance_id) {
    std::string name = lower(instance_id);
    const auto is_allowed = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
    };
    std::replace_if(
        name.begin(), name.end(), [&](char c) { return !is_allowed(c); }, '-');
    if (name.starts_with('.')) {
        name.front() = '-';
    }
    constexpr std::size_t longest = 200;
    return name.substr(0, longest);
}

}  // namespace bootwright
