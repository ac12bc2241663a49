#include "agent/health/checks.hpp"

#include "agent/role/shown_role.hpp"
#include "common/base/clock.hpp"
#include "common/base/encoding.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/net/http.hpp"
#include "common/net/redactor.hpp"
#include "common/net/tcp.hpp"
#include "common/processes/process.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace bootwright {

namespace {

using std::chrono::milliseconds;
using Kind = HealthCheck::Kind;

constexpr std::size_t longest_said = 300;

/// What one look at the machine came to.
struct Answer {
    bool ok;
    std::string said;
};

/// How long one look may take: a server that is slower does no work either; a command may be a test of some length.
milliseconds limit_of(const HealthCheck& check) {
    return check.kind == Kind::command ? std::chrono::seconds(30) : std::chrono::seconds(10);
}

/// 250 ms, 500 ms, 1 s, then 2 s: local questions, which cost little.
milliseconds delay_after_round(int round) {
    constexpr milliseconds first{250};
    constexpr int last_step = 3;
    return first * (1 << std::min(round - 1, last_step));
}

/// Makes single checks.
class Looks {
public:
    Looks(const System& system, const RoleConfig& role, const StageEvents& events, const std::stop_token& stop)
        : system_(system), redactor_(secrets_of(role)), events_(events), stop_(stop) {}

    CheckResult look(const HealthCheck& check, milliseconds left) const {
        const auto began = system_.clock.now().since_boot;
        const auto [ok, said] = answer(check, std::min(left, limit_of(check)));
        if (stop_.stop_requested()) {
            throw stopped_error();
        }
        const std::chrono::duration<double> took = system_.clock.now().since_boot - began;
        return {check.name, ok, shortened(printable(redactor_.cleaned(said)), longest_said), took.count()};
    }

private:
    [[nodiscard]] Answer answer(const HealthCheck& check, milliseconds limit) const {
        try {
            switch (check.kind) {
                case Kind::unit: return ask_systemd(check.target, limit);
                case Kind::tcp: return connect(check.target, limit);
                case Kind::http: return ask_server(check, limit);
                case Kind::command: return run(check.command, limit);
            }
        } catch (const Error& error) {
            return {false, error.message};
        }
        return {false, "unknown"};
    }

    [[nodiscard]] Answer ask_systemd(const std::string& unit, milliseconds limit) const {
        Answer answer = run({"/usr/bin/systemctl", "is-active", "--", unit}, limit);
        answer.said = answer.ok ? "active" : answer.said;
        return answer;
    }

    [[nodiscard]] Answer connect(const std::string& target, milliseconds limit) const {
        const auto place = parse_tcp_place(target);
        const auto problem = place ? why_not_connected(*place, limit, stop_) : "not a host and a port";
        return {!problem, problem.value_or("connected")};
    }

    [[nodiscard]] Answer ask_server(const HealthCheck& check, milliseconds limit) const {
        const HttpResponse response =
            system_.http.send({.url = check.url, .connect_timeout = limit, .timeout = limit}, stop_);
        const bool ok =
            check.status == 0 ? response.status >= 200 && response.status < 300 : response.status == check.status;
        const std::string wanted = check.status == 0 ? "200 to 299" : std::to_string(check.status);
        return {ok, "status " + std::to_string(response.status) + (ok ? "" : ", not " + wanted)};
    }

    [[nodiscard]] Answer run(const std::vector<std::string>& command, milliseconds limit) const {
        std::string output;
        const auto keep = [&](std::string_view line) { keep_end(output, line); };
        const ProcessRequest request{
            .arguments = command,
            .environment = {{"PATH",
                             "/opt/puppetlabs/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
                            {"HOME", "/root"},
                            {"LC_ALL", "C.UTF-8"}},
            .timeout = limit,
            .grace = std::chrono::seconds(1),
            .ends_family = true};
        const ProcessEvents events{.started = events_.child_started, .line = keep, .error_line = keep};
        const ProcessResult result = system_.processes.run(request, events, stop_);
        const bool ok = result.end == ProcessResult::End::exited && result.exit_code == 0;
        return {ok, end_of(result, limit) + last_words(output)};
    }

    /// Of what a command writes the end counts; what is kept is far more than what is shown, so that a secret is found whole.
    static void keep_end(std::string& output, std::string_view line) {
        constexpr std::size_t most_kept = std::size_t{128} << 10U;
        output.append(line).append("\n");
        if (output.size() > most_kept) {
            output.erase(0, output.size() - most_kept);
        }
    }

    static std::string end_of(const ProcessResult& result, milliseconds limit) {
        switch (result.end) {
            case ProcessResult::End::exited: return "exit status " + std::to_string(result.exit_code);
            case ProcessResult::End::killed_by_signal: return "killed by signal " + std::to_string(result.signal);
            default: return "not done within " + to_human(limit);
        }
    }

    [[nodiscard]] std::string last_words(const std::string& output) const {
        constexpr std::size_t longest_words = 240;
        std::string words(trimmed(redactor_.cleaned(output)));
        std::replace(words.begin(), words.end(), '\n', ' ');
        if (words.size() > longest_words) {
            words = "…" + words.substr(words.size() - longest_words);
        }
        return words.empty() ? "" : ": " + words;
    }

    const System& system_;
    Redactor redactor_;
    const StageEvents& events_;
    std::stop_token stop_;
};

bool is_ok(const CheckResult& check) { return check.ok; }

Error failed(const HealthResult& result, milliseconds timeout) {
    std::string message;
    for (const CheckResult& check : result.checks) {
        if (!check.ok) {
            message += "; " + check.name + ": " + check.said;
        }
    }
    const auto bad = std::count_if(result.checks.begin(), result.checks.end(), std::not_fn(is_ok));
    return transient_error(
        "health.failed",
        "after " + to_human(timeout) + ", " + std::to_string(bad) + " of " + std::to_string(result.checks.size()) +
            " health checks " + (bad == 1 ? "is" : "are") + " not good" + shortened(message, 2000),
        "look at what the check asks for (`journalctl -u UNIT`, or its command by hand); if that is right, correct "
        "health.checks or health.timeout of the role config");
}

}  // namespace

HealthResult check_health(const System& system, const RoleConfig& role, const StageEvents& events,
                          const std::function<void(const HealthResult& so_far)>& heard, std::stop_token stop) {
    constexpr milliseconds least_look{1000};  // also when time is up: a look without time would find nothing good
    const Looks looks(system, role, events, stop);
    const auto end = system.clock.now().since_boot + role.health.timeout;
    const auto left = [&] { return std::max(end - system.clock.now().since_boot, milliseconds(0)); };
    for (int round = 1;; ++round) {
        HealthResult result;
        const bool is_last = left().count() == 0;
        for (const HealthCheck& check : role.health.checks) {
            result.checks.push_back(looks.look(check, std::max(left(), least_look)));
        }
        const auto good = std::count_if(result.checks.begin(), result.checks.end(), is_ok);
        const bool all_good = static_cast<std::size_t>(good) == result.checks.size();
        events.progress("checks", static_cast<std::uint64_t>(good), result.checks.size());
        if (!all_good && is_last) {
            result.error = failed(result, role.health.timeout);
        }
        heard(result);
        if (all_good || is_last) {
            return result;
        }
        if (!system.clock.sleep(std::min(delay_after_round(round), left()), stop)) {
            throw stopped_error();
        }
    }
}

}  // namespace bootwright
