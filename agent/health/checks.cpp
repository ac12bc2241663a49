#include "agent/health/checks.hpp"

#include "agent/role/shown_role.hpp"
#include "common/base/clock.hpp"
#include "common/base/encoding.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/net/redactor.hpp"
#include "common/processes/operators_program.hpp"

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

constexpr std::size_t longest_said = 300;
constexpr milliseconds least_look{1000};  // also when time is up: a look without time finds nothing good

/// 250 ms, 500 ms, 1 s, then 2 s: local questions, which cost little.
milliseconds delay_after_round(int round) {
    constexpr milliseconds first{250};
    constexpr int last_step = 3;
    return first * (1 << std::min(round - 1, last_step));
}

HealthAnswer answer_of(const HealthCheck& check, const HealthTools& tools) {
    try {
        return check.look(tools);
    } catch (const Error& error) {
        return {false, error.message};
    }
}

CheckResult look(const HealthCheck& check, const HealthTools& tools) {
    const auto began = tools.system.clock.now().since_boot;
    const auto [ok, said] = answer_of(check, tools);
    if (tools.stop.stop_requested()) {
        throw stopped_error();
    }
    const std::chrono::duration<double> took = tools.system.clock.now().since_boot - began;
    return {check.name, ok, shortened(printable(tools.secrets.cleaned(said)), longest_said), took.count()};
}

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
        "after " + to_human(timeout) + ", " + std::to_string(bad) + " of " +
            counted(result.checks.size(), "health check") + " " + (bad == 1 ? "is" : "are") + " not good" +
            shortened(message, 2000),
        "look at what the check asks for (`journalctl -u UNIT`, or its command by hand); if that is right, correct "
        "health.checks or health.timeout of the role config");
}

}  // namespace

HealthAnswer HealthTools::run(const std::vector<std::string>& command) const {
    const ProgramAnswer answer =
        run_operators_program(system.processes, command, "", limit, events.child_started, stop);
    return {answer.is_good(), said_by(answer, secrets.cleaned(answer.output), limit)};
}

HealthResult check_health(const System& system, const RoleConfig& role, const StageEvents& events,
                          const std::function<void(const HealthResult& so_far)>& heard, std::stop_token stop) {
    const Redactor secrets = secrets_of(role);
    const auto end = system.clock.now().since_boot + role.health.timeout;
    const auto left = [&] { return std::max(end - system.clock.now().since_boot, milliseconds(0)); };
    for (int round = 1;; ++round) {
        HealthResult result;
        const bool is_last = left().count() == 0;
        for (const HealthCheck& check : role.health.checks) {
            const milliseconds limit = std::min(std::max(left(), least_look), check.longest_look);
            result.checks.push_back(look(check, {system, secrets, events, stop, limit}));
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
