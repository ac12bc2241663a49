#include "agent/repository/repository.hpp"

#include "agent/repository/fetch_request.hpp"
#include "common/error.hpp"
#include "common/log.hpp"
#include "common/text.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <optional>

namespace bootwright {

namespace {

/// A file name for a URL: its last part for people, and a hash, so that two URLs never share objects.
std::string repository_name(const std::string& url) {
    std::array<char, 17> digits{};
    std::snprintf(digits.data(), digits.size(), "%016llx", static_cast<unsigned long long>(hash_of(url)));
    std::string name;
    for (const char c : url.substr(url.rfind('/') + 1)) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
        name += plain ? std::string(1, c) : "";
    }
    return name.substr(0, 40) + "-" + digits.data();
}

FetchRequest make_request(const System& system, const AgentConfig& config, const RoleConfig& role,
                          const std::vector<std::string>& protect) {
    // Without the credentials, so that a renewed token does not begin a new repository.
    const std::string name = repository_name(without_credentials(role.repository.url));
    const auto file = [&](const std::filesystem::path& configured) {
        return configured.empty() ? configured : system.path(configured.string());
    };
    return {.repository = system.state() / "repository" / (name + ".git"),
            .checkouts = system.state() / "checkout",
            .url = role.repository.url,
            .revision = role.repository.revision,
            .ca_file = file(config.repository.ca_file),
            .ssh_key = file(config.repository.ssh_key),
            .known_hosts = file(config.repository.known_hosts),
            // libgit2 counts in int; a day of silence is as good as for ever.
            .silence_ms = static_cast<int>(std::min<long long>(config.repository.stall.count(), 86'400'000)),
            .keep = config.repository.keep,
            .protect = protect};
}

/// What the child said at the end.
struct Answer {
    std::optional<Checkout> checkout;
    std::optional<Error> error;
};

void read_event(std::string_view line, const StageEvents& events, Answer& answer) {
    const Json event = parse_json(line);
    if (!event.is_object()) {
        return;
    }
    if (const auto progress = event.find("progress"); progress != event.end()) {
        events.progress(string_at(*progress, "what"), number_at(*progress, "done"), number_at(*progress, "total"));
    } else if (const auto checkout = event.find("checkout"); checkout != event.end()) {
        answer.checkout = Checkout{string_at(*checkout, "revision"), string_at(*checkout, "folder")};
    } else if (const auto error = event.find("error"); error != event.end()) {
        answer.error = error_from_json(*error);
    }
}

Error ended_without_answer(const ProcessResult& result, const AgentConfig& config, const std::string& url) {
    const std::string advice = "check that the git server is running and that this machine reaches it";
    switch (result.end) {
        case ProcessResult::End::stopped: return stopped_error();
        case ProcessResult::End::timed_out:
            return transient_error(
                "repository.timeout",
                "the fetch from " + url + " was not complete after " + to_human(config.repository.timeout),
                advice + ", or raise repository.timeout in agent.json");
        case ProcessResult::End::silent:
            return transient_error(
                "repository.stalled",
                "the fetch from " + url + " made no progress for " + to_human(config.repository.stall), advice);
        default: break;
    }
    const std::string how = result.end == ProcessResult::End::killed_by_signal
                                ? "was killed by signal " + std::to_string(result.signal)
                                : "ended with status " + std::to_string(result.exit_code) + " and no answer";
    return transient_error(
        "repository.fetch_crashed", "the child that fetches from " + url + " " + how,
        "check for memory shortage (`dmesg | grep -i oom`); else report this as a defect of bootwright");
}

}  // namespace

Checkout prepare_checkout(const System& system, const AgentConfig& config, const RoleConfig& role,
                          const std::vector<std::string>& protect, const StageEvents& events, std::stop_token stop) {
    const ProcessRequest request{.arguments = {system.fetch_program.string()},
                                 .environment = {{"PATH", "/usr/sbin:/usr/bin:/sbin:/bin"}, {"LC_ALL", "C.UTF-8"}},
                                 .input = to_line(to_json(make_request(system, config, role, protect))),
                                 .timeout = config.repository.timeout,
                                 // A little more than the child's own limit, whose message says more.
                                 .silence = config.repository.stall + std::chrono::seconds(2),
                                 .grace = std::chrono::seconds(2)};
    Answer answer;
    const ProcessEvents process_events{
        .started = events.child_started,
        .line = [&](std::string_view line) { read_event(line, events, answer); },
        .error_line = [](std::string_view line) { log(LogLevel::warning, "fetch: " + std::string(line)); }};
    const ProcessResult result = system.processes.run(request, process_events, stop);
    if (result.end == ProcessResult::End::exited && answer.checkout) {
        return *answer.checkout;
    }
    if (result.end == ProcessResult::End::exited && answer.error) {
        throw *answer.error;
    }
    throw ended_without_answer(result, config, without_credentials(role.repository.url));
}

}  // namespace bootwright
