// Whether Puppet is there and answers, and how it starts.

#include "agent/doctor/examination.hpp"
#include "agent/doctor/patient.hpp"
#include "agent/puppet/puppet_program.hpp"
#include "agent/record/status_file.hpp"
#include "common/base/encoding.hpp"
#include "common/base/text.hpp"

#include <charconv>
#include <filesystem>
#include <string>

namespace bootwright {

namespace {

/// What Puppet itself says. @throws Error process.cannot_start
Finding look_at_version(const Patient& patient, const PuppetProgram& puppet, const std::stop_token& stop) {
    constexpr std::chrono::seconds limit{30};
    constexpr std::size_t longest = 200;
    constexpr int oldest = 7;
    std::string said;
    const auto keep = [&](std::string_view line) {
        if (said.empty()) {
            said = shortened(printable(trimmed(line)), longest);
        }
    };
    const ProcessResult result = patient.system.processes.run({.arguments = {puppet.path.string(), "--version"},
                                                               .environment = puppet_environment(),
                                                               .timeout = limit,
                                                               .ends_family = true},
                                                              {.line = keep, .error_line = keep}, stop);
    const std::string called = "Puppet at " + puppet.path.string();
    if (result.end == ProcessResult::End::stopped || result.end == ProcessResult::End::timed_out) {
        return bad(called + " does not say its version in time",
                   "call it by hand: `" + puppet.path.string() + " --version`");
    }
    int major = 0;
    std::from_chars(said.data(), said.data() + said.size(), major);
    if (result.end != ProcessResult::End::exited || result.exit_code != 0 || major == 0) {
        return bad(called + " does not work: " + (said.empty() ? "it says nothing" : said),
                   "reinstall it, and call it by hand: `" + puppet.path.string() + " --version`");
    }
    if (major < oldest) {
        return bad(called + " is version " + said + ", which is too old",
                   "install version 7 or newer of puppet-agent or openvox-agent");
    }
    return good(called + " is version " + said);
}

Finding look_at_start(const Patient& patient) {
    if (!patient.config.puppet.warm) {
        return good("agent.json has Puppet started cold (puppet.warm)");
    }
    std::error_code error;
    if (!std::filesystem::exists(patient.system.path("/var/cache/bootwright/puppet.compiled"), error)) {
        return bad("Puppet's Ruby is not compiled ahead: each run loads it more slowly", "call `bootwright prepare`");
    }
    const Json run = StatusFile(patient.system).read().value("run", Json());
    const std::string start = string_at(run, "puppet_start");
    const std::string why = string_at(run, "puppet_cold_because");
    return good("Puppet's Ruby is compiled ahead" +
                (start.empty() ? "" : "; in the last run it started " + start + (why.empty() ? "" : ": " + why)));
}

std::vector<Finding> look(const Patient& patient, std::stop_token stop) {
    const PuppetProgram puppet = find_puppet(patient.system, patient.config);
    return {look_at_version(patient, puppet, stop), look_at_start(patient)};
}

const Examination puppet_examination{.key = "puppet", .limit = std::chrono::seconds(35), .look = look};
const Registered<Examination> registered(puppet_examination);

}  // namespace

}  // namespace bootwright
