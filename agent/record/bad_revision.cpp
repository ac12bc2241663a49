#include "agent/record/bad_revision.hpp"

#include "agent/record/status_file.hpp"
#include "agent/role/shown_role.hpp"
#include "common/base/text.hpp"
#include "common/base/version.hpp"
#include "common/files/file.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <vector>

namespace bootwright {

namespace fs = std::filesystem;

namespace {

fs::path memory(const System& system) { return system.state() / "bad_revisions.json"; }

Json stored_json(const BadRevision& bad) {
    Json json = to_json(bad);
    json["inputs"] = bad.inputs;
    return json;
}

BadRevision from_stored(const Json& json) {
    return {.inputs = string_at(json, "inputs"),
            .revision = string_at(json, "revision"),
            .configuration = string_at(json, "configuration"),
            .failures = static_cast<int>(number_at(json, "failures")),
            .is_given_up = json.value("given_up", Json()) == Json(true),
            .run = static_cast<int>(number_at(json, "run")),
            .at = string_at(json, "at"),
            .error = error_from_json(json.value("error", Json()))};
}

/// Newest last.
std::vector<BadRevision> read_all(const System& system) {
    constexpr std::size_t largest = std::size_t{1} << 20U;
    std::vector<BadRevision> all;
    const Json json = parse_json(read_or_empty(memory(system), largest));
    for (const Json& entry : json.is_array() ? json : Json::array()) {
        if (entry.is_object()) {
            all.push_back(from_stored(entry));
        }
    }
    return all;
}

void write_all(const System& system, const std::vector<BadRevision>& all) {
    Json json = Json::array();
    for (const BadRevision& bad : all) {
        json.push_back(stored_json(bad));
    }
    write_file(memory(system), to_text(json), 0600);
}

/// The external facts that the image or an operator put there: Facter's own folders, in which a program may be a fact too.
std::string external_facts(const System& system) {
    std::vector<std::string> files;
    for (const char* folder :
         {"/etc/puppetlabs/facter/facts.d", "/opt/puppetlabs/facter/facts.d", "/etc/facter/facts.d"}) {
        std::error_code ignored;
        for (const auto& entry : fs::directory_iterator(system.path(folder), ignored)) {
            struct stat status {};
            if (stat(entry.path().c_str(), &status) == 0) {
                files.push_back(entry.path().string() + " " + std::to_string(status.st_size) + " " +
                                std::to_string(status.st_mtim.tv_sec) + "." + std::to_string(status.st_mtim.tv_nsec));
            }
        }
    }
    std::sort(files.begin(), files.end());
    return joined(files, "\n");
}

auto of_inputs(const std::string& inputs) {
    return [&](const BadRevision& bad) { return bad.inputs == inputs; };
}

}  // namespace

bool is_fault_of_revision(const Error& error) {
    return error.code == "puppet.compile_failed" || error.code == "puppet.nothing_applied" ||
           error.code == "puppet.resources_failed" || error.code == "puppet.timeout";
}

Error given_up(const BadRevision& bad) {
    return permanent_error("puppet.given_up",
                           "revision " + bad.revision + " is not applied again: in run " + std::to_string(bad.run) +
                               ", at " + bad.at + ", " + bad.error.message + " (" + bad.error.code + ")",
                           "pin another revision or change the role config; `bootwright run` tries this one again, "
                           "as does a reboot");
}

std::string inputs_of(const System& system, const InstanceMetadata& instance, const RoleConfig& role,
                      const std::string& revision, const std::string& configuration, const Revisions& repositories) {
    constexpr std::size_t largest = 65536;
    const auto content = [&](const char* file) { return read_file_start(system.path(file), largest).value_or(""); };
    const Json inputs{revision,
                      configuration,
                      repositories,
                      to_json(role),
                      to_json(instance),
                      fingerprint(instance),
                      content("/etc/os-release"),
                      content("/proc/sys/kernel/osrelease"),
                      external_facts(system),
                      version,
                      boot_id(system)};
    return hex_of(hash_of(to_line(inputs)));
}

std::optional<BadRevision> find_bad_revision(const System& system, const std::string& inputs) {
    const auto all = read_all(system);
    const auto found = std::find_if(all.begin(), all.end(), of_inputs(inputs));
    return found == all.end() ? std::nullopt : std::optional(*found);
}

void remember_bad_revision(const System& system, const BadRevision& bad) {
    constexpr std::size_t most = 20;
    auto all = read_all(system);
    std::erase_if(all, of_inputs(bad.inputs));
    all.push_back(bad);
    if (all.size() > most) {
        all.erase(all.begin());
    }
    write_all(system, all);
}

void forget_bad_revision(const System& system, const std::string& inputs) {
    auto all = read_all(system);
    if (std::erase_if(all, of_inputs(inputs)) > 0) {
        write_all(system, all);
    }
}

Json to_json(const BadRevision& bad) {
    return {{"revision", bad.revision},
            {"configuration", bad.configuration.empty() ? Json() : Json(bad.configuration)},
            {"failures", bad.failures},
            {"given_up", bad.is_given_up},
            {"run", bad.run},
            {"at", bad.at},
            {"error", to_json(bad.error)}};
}

}  // namespace bootwright
