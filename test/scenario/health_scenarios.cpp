#include "test/scenario/scenario.hpp"

using namespace std::chrono_literals;

namespace bootwright {

/// The checks of a role config, beside Puppet's good end.
std::vector<Scenario> health_scenarios() {
    const std::string checks = R"(, "health": {"timeout": "2s", "checks": [{"unit": "nginx.service"}]})";
    const Script active{.lines = {"active"}};
    const Script inactive{.result = {.exit_code = 3}, .lines = {"inactive"}};
    const auto row = [&](const char* name, const std::vector<Script>& answers) {
        return Scenario{.name = name,
                        .served_user_data = role_config(checks),
                        .damage = [answers](FakeMachine& machine) { machine.processes.answer("is-active", answers); },
                        .outcome = Outcome::changed};
    };
    Scenario good = row("a check that is good", {active});
    good.status = {{"/health/0/ok", true}, {"/health/0/said", "active"}, {"/health/0/check", "unit nginx.service"}};
    Scenario late = row("a check that is good after some time", {inactive, inactive, active});
    late.slept = {250ms, 500ms};
    Scenario unchanged = row("a check where Puppet found nothing to do", {active});
    unchanged.puppet = {recorded_puppet("unchanged")};
    unchanged.outcome = Outcome::unchanged;
    Scenario bad = row("a check that never is good", {inactive});
    bad.code = "health.failed";
    bad.kind = ErrorKind::transient;
    bad.stage = Stage::health;
    bad.slept = {250ms, 500ms, 1s, 250ms};
    bad.status = {{"/error/stage", "health"}, {"/health/0/ok", false}, {"/resources/changed", 2}};
    bad.no_files = {"/var/lib/bootwright/last_good.json"};
    Scenario noop = row("a check under noop", {active});
    noop.served_user_data = role_config(R"(, "puppet": {"noop": true})" + checks);
    noop.puppet = {recorded_puppet("unchanged")};
    noop.outcome = Outcome::unchanged;
    noop.status = {{"/health/0/ok", true}};
    Scenario failed = row("a check, and an apply that failed before it", {active});
    failed.puppet = {recorded_puppet("compile_error")};
    failed.outcome = Outcome::compile_failed;
    failed.code = "puppet.compile_failed";
    failed.stage = Stage::puppet;
    failed.status = {{"/health", Json::array()}};
    Scenario stopped = row("a stop while the health stage waits", {inactive});
    stopped.stop_at = "sleep";
    stopped.outcome = Outcome::interrupted;
    stopped.code = "stopped";
    stopped.kind = ErrorKind::stopped;
    stopped.stage = Stage::health;
    stopped.slept = {250ms};
    return {good, late, unchanged, bad, noop, failed, stopped};
}

}  // namespace bootwright
