#include "agent/puppet/puppet.hpp"

#include "agent/puppet/certname.hpp"
#include "agent/puppet/environment.hpp"
#include "agent/puppet/eyaml_keys.hpp"
#include "agent/puppet/hand_over.hpp"
#include "agent/puppet/hierarchy.hpp"
#include "agent/puppet/invocation.hpp"
#include "agent/puppet/package_manager.hpp"
#include "agent/puppet/puppet_program.hpp"
#include "agent/puppet/result/kept_log.hpp"
#include "agent/puppet/result/planned.hpp"
#include "agent/puppet/result/puppet_log.hpp"
#include "agent/puppet/result/reading.hpp"
#include "agent/puppet/result/without_server.hpp"
#include "agent/role/shown_role.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/files/file.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <system_error>

namespace bootwright {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t most_read = std::size_t{8} << 20U;  // of each trace

std::map<std::string, std::string> proxy_variables(const System& system) {
    std::map<std::string, std::string> variables;
    for (const char* name : {"http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"}) {
        if (const auto found = system.environment.find(name); found != system.environment.end()) {
            variables.insert(*found);
        }
    }
    return variables;
}

std::array<fs::path, 8> traces_in(const PuppetFiles& files) {
    return {files.log(),     files.compressed_log(), files.summary(), files.resources(),
            files.classes(), files.observation(),    files.catalog(), files.kept_facts()};
}

/// Closes what Puppet has written: its own modes let others read it.
void close_traces(const PuppetFiles& files) {
    for (const fs::path& trace : traces_in(files)) {
        std::error_code absent;
        fs::permissions(trace, fs::perms::owner_read | fs::perms::owner_write, absent);
    }
}

/// "bootwright-progress 12 82"
bool read_progress(std::string_view line, const StageEvents& events) {
    const auto words = split(line, ' ');
    std::array<std::uint64_t, 2> numbers{};
    if (words.size() != 3 || words[0] != progress_marker) {
        return false;
    }
    for (std::size_t i = 0; i < numbers.size(); ++i) {
        std::from_chars(words[i + 1].data(), words[i + 1].data() + words[i + 1].size(), numbers[i]);
    }
    events.progress("resources", numbers[0], numbers[1]);
    return true;
}

/// Tells what needs a server as soon as there is a catalog: to apply it may take minutes, and what is missing then makes
/// failures hard to understand. Returns what was told.
std::vector<std::string> warn_early(PuppetTraces& traces, const fs::path& log, const StageEvents& events) {
    traces.log = lines_of_note(log, most_read);
    const auto warnings = warnings_without_server(read_log(traces));
    for (const std::string& warning : warnings) {
        events.warning(warning);
    }
    return warnings;
}

/// From ".../runs/000042", or a folder in it.
int run_of(const fs::path& run_folder) {
    int number = 0;
    for (const fs::path& part : run_folder) {
        const std::string& name = part.native();
        std::from_chars(name.data(), name.data() + name.size(), number);
    }
    return number;
}

}  // namespace

void prepare_puppet(const PuppetFiles& files, const PuppetPlace& place, const AgentConfig& config,
                    const InstanceMetadata& instance, const RoleConfig& role, const Checkout& checkout,
                    const Json& eyaml) {
    for (const fs::path& leftover : traces_in(files)) {
        remove_tree(leftover);
    }
    for (const fs::path& folder : {files.facts(), place.state, place.state / "conf", place.state / "var"}) {
        make_folder(folder, 0700);
    }
    lay_out_code(place.code(), checkout, role, place.repositories);
    write_file(files.log(), "", 0600);  // Puppet would make it 0644, and it grows while others may look
    for (const PreparedFile& file : prepared_files(files, place, config, instance, role, checkout)) {
        write_file(file.path, file.content, 0600);
    }
    write_file(files.hiera(), hiera_config(files, place, role, checkout), 0600);
    write_file(files.eyaml(), to_text(eyaml), 0600);
}

void keep_output(PuppetTraces& traces, std::string_view line) {
    constexpr std::size_t most = std::size_t{128} << 10U;  // far more than is shown: a secret is found whole
    traces.output.append(line.substr(0, most - std::min(most, traces.output.size()))).append("\n");
    traces.output.resize(std::min(most, traces.output.size()));
}

void take_traces(PuppetTraces& traces, const PuppetFiles& files) {
    close_traces(files);
    traces.summary = read_file_start(files.summary(), most_read);
    traces.resources = read_file_start(files.resources(), most_read);
    traces.log = lines_of_note(files.log(), most_read);
    traces.observation = read_file_start(files.observation(), most_read);
}

PuppetResult apply_puppet(const System& system, const AgentConfig& config, const InstanceMetadata& instance,
                          const RoleConfig& role, const Checkout& checkout, const fs::path& run_folder, bool tries_out,
                          WarmPuppet& warm, const IdentityFor& identity, const StageEvents& events,
                          std::stop_token stop) {
    const PuppetFiles files(run_folder);
    const PuppetProgram program = find_puppet(system, config);
    const PuppetPlace place{program.path,
                            system.state() / "puppet",
                            environment_name(role),
                            certname(system, instance, role),
                            system.ruby_folder / "observe.rb",
                            system.program("trusted-facts"),
                            proxy_variables(system),
                            system.state() / "repositories"};
    EyamlKeys keys(system, config, identity, stop);
    prepare_puppet(files, place, config, instance, role, checkout, keys.options());
    prepare_package_manager(system, config, role.puppet.noop, events, stop);

    ProcessRequest request = puppet_request(files, place, config, role, checkout);
    request.environment.merge(apt_variables(system, events));
    if (tries_out) {
        request.arguments.emplace_back("--show_diff");  // of files, in its log
        request.environment["BOOTWRIGHT_NOOP"] = "1";
    }
    const auto deadline = system.clock.now().since_boot + request.timeout;
    HandedOver handed_over{.run = run_of(run_folder), .deadline = deadline};
    const auto leave = [&](const std::vector<ProcessId>& processes) {
        handed_over.keeper = processes.front();
        return asks_to_stop_this_service(processes) && hand_over(system, handed_over);
    };

    PuppetTraces traces{.noop = role.puppet.noop,
                        .wanted = {role.role, environments_to_choose(checkout, role)},
                        .missing = config.repository.puppetfile == AgentConfig::Repository::Puppetfile::ignore
                                       ? missing_modules(checkout)
                                       : std::vector<MissingModule>(),
                        .folders = {checkout.folder.string(), repository_in_code(place.code(), role).string()},
                        .redactor = secrets_of(role)};
    std::vector<std::string> told;
    const auto keep = [&](std::string_view line) { keep_output(traces, line); };
    const ProcessEvents process_events{.started = events.child_started,
                                       .leave = leave,
                                       .line =
                                           [&](std::string_view line) {
                                               if (line == compiled_marker) {
                                                   told = warn_early(traces, files.log(), events);
                                               } else if (!read_progress(line, events)) {
                                                   keep(line);
                                               }
                                           },
                                       .error_line = keep};
    PuppetStart start;
    traces.process = warm.run(program, request, process_events, std::move(stop), start);
    if (traces.process.end == ProcessResult::End::left) {
        keys.leave();
    }
    take_traces(traces, files);
    PuppetResult result = read_puppet_result(traces);
    if (tries_out) {
        result.planned = planned_changes(read_file_start(files.log(), most_read).value_or(""), traces);
    }
    if (traces.process.end != ProcessResult::End::left) {  // such a Puppet still writes it
        try {
            compress_log(files.log(), files.compressed_log());
        } catch (const Error& error) {
            result.warnings.push_back("Puppet's log is not compressed: " + error.message);
        }
    }
    std::erase_if(result.warnings, [&](const std::string& warning) {
        return std::find(told.begin(), told.end(), warning) != told.end();
    });
    result.start = start;
    for (const std::string& limit : traces.process.unmet_limits) {
        result.warnings.push_back("a limit of agent.json does not hold for Puppet: " + limit);
    }
    return result;
}

}  // namespace bootwright
