#include "agent/fleet/ask.hpp"

#include "common/base/clock.hpp"
#include "common/base/side_by_side.hpp"
#include "common/base/text.hpp"
#include "common/processes/search_path.hpp"

#include <algorithm>
#include <mutex>

namespace bootwright {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int failed_itself = 255;  // ssh(1), "EXIT STATUS"

std::string ssh_program(const System& system) {
    const auto path = system.environment.find("PATH");
    const std::string folders = path == system.environment.end() ? "/usr/bin:/bin" : path->second;
    const auto found = find_program("ssh", folders, system.root);
    if (!found) {
        throw permanent_error("fleet.no_ssh", "there is no ssh in " + folders,
                              "install openssh-client on this machine; `bootwright fleet` asks over it");
    }
    return found->string();
}

ProcessRequest request_for(const System& system, const std::string& ssh, const std::string& host, milliseconds limit) {
    constexpr seconds longest_connect{10};
    // Sooner than the limit, so that ssh itself says what it waits for.
    const auto connect =
        std::clamp(std::chrono::duration_cast<seconds>(limit - seconds(1)), seconds(1), longest_connect);
    ProcessRequest request{.arguments = {ssh, "-T", "-a", "-x"}, .environment = system.environment, .folder = ""};
    for (const std::string& option :
         {std::string("BatchMode=yes"), "ConnectTimeout=" + std::to_string(connect.count()),
          std::string("ConnectionAttempts=1"), std::string("ServerAliveInterval=5"),
          std::string("ClearAllForwardings=yes"), std::string("PermitLocalCommand=no"),
          std::string("RemoteCommand=none"), std::string("ControlMaster=no"), std::string("LogLevel=INFO")}) {
        request.arguments.insert(request.arguments.end(), {"-o", option});
    }
    request.arguments.insert(request.arguments.end(), {"--", host, "bootwright status --json"});
    // BatchMode does not reach the ssh of a ProxyJump, which would ask on the terminal. This answers no to whatever it asks.
    request.environment["SSH_ASKPASS"] = "/bin/false";
    request.environment["SSH_ASKPASS_REQUIRE"] = "force";
    request.timeout = limit;
    request.grace = seconds(1);
    return request;
}

/// What ssh's own failure means. Its messages are not translated.
Error failure_of(const std::string& errors) {
    const std::string said = "ssh says: " + last_words(errors);
    const auto has = [&](const char* text) { return errors.find(text) != std::string::npos; };
    if (has("Host key verification failed") || has("REMOTE HOST IDENTIFICATION HAS CHANGED")) {
        return permanent_error("fleet.host_key", "the machine's host key is unknown, or is another one; " + said,
                               "compare the key with the machine's own, then add it to known_hosts: `ssh HOST` asks");
    }
    if (has("Permission denied") || has("Too many authentication failures")) {
        return permanent_error("fleet.access_denied", "the machine takes no key of this session; " + said,
                               "load the key (`ssh-add`), or install it there: passwords are never asked for");
    }
    return transient_error("fleet.unreachable", "ssh did not get to the machine; " + said,
                           "see whether it is up, its name is right, and `ssh HOST` gets there");
}

/// @throws Error fleet.*, stopped, process.cannot_start
Answer ask(const System& system, const ProcessRequest& request, const std::stop_token& stop) {
    constexpr std::size_t largest_status = std::size_t{1} << 20U;  // as the agent reads its own
    constexpr std::size_t most_errors = 16384;
    Answer answer;
    const ProcessEvents events{
        .error_line =
            [&](std::string_view line) {
                answer.errors.append(line.substr(0, most_errors / 2)).append("\n");
                if (answer.errors.size() > most_errors) {
                    answer.errors.erase(0, answer.errors.size() - most_errors);
                }
            },
        .bytes =
            [&](std::string_view bytes) {
                if (answer.output.size() + bytes.size() > largest_status) {
                    throw permanent_error("fleet.unreadable", "the answer is longer than 1 MiB, so it is no status",
                                          "run `ssh HOST bootwright status --json` by hand, and see what answers");
                }
                answer.output += bytes;
            }};
    const ProcessResult result = system.processes.run(request, events, stop);
    switch (result.end) {
        case ProcessResult::End::stopped: throw stopped_error();
        case ProcessResult::End::timed_out:
            throw transient_error("fleet.timeout",
                                  "the machine did not answer within " + to_human(request.timeout) +
                                      "; ssh says: " + last_words(answer.errors),
                                  "see whether it hangs: `ssh HOST`; --timeout 1m waits longer");
        default: break;
    }
    if (result.end != ProcessResult::End::exited || result.exit_code == failed_itself) {
        throw failure_of(answer.errors);
    }
    answer.exit_status = result.exit_code;
    return answer;
}

}  // namespace

std::vector<Machine> ask_machines(const System& system, const std::vector<std::string>& hosts, const Asking& asking,
                                  const std::function<void(std::size_t done)>& asked, const std::stop_token& stop) {
    const std::string ssh = ssh_program(system);
    std::vector<Machine> machines(hosts.size());
    std::mutex mutex;  // one answer at a time is parsed: a hostile one needs many times its size
    std::size_t done = 0;
    side_by_side(hosts.size(), asking.jobs, [&](std::size_t number) {
        const std::string& host = hosts[number];
        Machine machine;
        try {
            const Answer answer = ask(system, request_for(system, ssh, host, asking.timeout), stop);
            const std::lock_guard lock(mutex);
            machine = machine_of(host, answer, system.clock.now().wall);
        } catch (const Error& error) {
            if (error.kind == ErrorKind::stopped) {
                throw;
            }
            const bool has_answered = error.code == "fleet.no_agent" || error.code == "fleet.unreadable";
            machine = machine_without_answer(host, has_answered ? MachineState::unanswered : MachineState::unreachable,
                                             error);
        }
        const std::lock_guard lock(mutex);
        machines[number] = std::move(machine);
        asked(++done);
    });
    return machines;
}

}  // namespace bootwright
