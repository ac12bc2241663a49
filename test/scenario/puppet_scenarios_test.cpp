#include "test/scenario/scenario.hpp"

#include "agent/run/run.hpp"

#include <catch2/catch_test_macros.hpp>

#include <filesystem>
#include <utility>

using namespace std::chrono_literals;

namespace bootwright {

namespace {

const std::vector<std::chrono::milliseconds> puppet_delays{5s, 10s};

Script puppet_ends(const char* traces, ProcessResult result) {
    Script script = recorded_puppet(traces);
    script.result = std::move(result);
    return script;
}

/// dpkg was killed in the middle of its work; its work is to remove what it left, or not.
Scenario interrupted_dpkg(const char* name, bool mends, int exit_code) {
    return {.name = name,
            .damage =
                [=](FakeMachine& machine) {
                    machine.root.write("/usr/bin/dpkg", "", 0755);
                    machine.root.write("/var/lib/dpkg/updates/0001", "Package: x\n");
                    machine.processes.answer("--configure", {.result = {.exit_code = exit_code},
                                                             .lines = {"Setting up x (1.0) ..."},
                                                             .work = [&machine, mends](const ProcessRequest&) {
                                                                 if (mends) {
                                                                     machine.root.remove("/var/lib/dpkg/updates/0001");
                                                                 }
                                                             }});
                },
            .mend = [](FakeMachine& machine) { machine.root.remove("/var/lib/dpkg/updates/0001"); },
            .outcome = Outcome::changed};
}

}  // namespace

std::vector<Scenario> dpkg_scenarios() {
    std::vector<Scenario> scenarios{
        interrupted_dpkg("dpkg was interrupted, and is mended", true, 0),
        interrupted_dpkg("dpkg was interrupted, and a package cannot be configured: that is Puppet's affair", true, 1),
        interrupted_dpkg("dpkg was interrupted, and cannot be mended", false, 2)};
    scenarios[0].status = {{"/waiting", nullptr}};
    Scenario& stuck = scenarios[2];
    stuck.outcome = Outcome::not_reached;
    stuck.code = "puppet.dpkg_interrupted";
    stuck.kind = ErrorKind::transient;
    stuck.stage = Stage::puppet;
    stuck.attempt = 3;
    stuck.slept = puppet_delays;
    return scenarios;
}

std::vector<Scenario> puppet_scenarios() {
    const auto once = [](const char* name, Script puppet, Outcome outcome, const char* code) {
        return Scenario{.name = name,
                        .puppet = {std::move(puppet)},
                        .outcome = outcome,
                        .code = code,
                        .stage = Stage::puppet,
                        .status = {{"/revision/resolved", pinned_revision}, {"/error/stage", "puppet"}},
                        .no_files = {"/var/lib/bootwright/last_good.json"}};
    };
    const auto thrice = [&](const char* name, Script puppet, Outcome outcome, const char* code) {
        Scenario scenario = once(name, std::move(puppet), outcome, code);
        scenario.kind = ErrorKind::transient;
        scenario.attempt = 3;
        scenario.slept = puppet_delays;
        return scenario;
    };
    Scenario missing =
        once("a machine without Puppet", recorded_puppet("changed"), Outcome::not_reached, "puppet.not_installed");
    missing.damage = [](FakeMachine& machine) { machine.root.remove("/usr/bin/puppet"); };
    missing.mend = [](FakeMachine& machine) { machine.root.write("/usr/bin/puppet", "", 0755); };
    Scenario noop =
        once("noop that finds differences", recorded_puppet("noop_drift"), Outcome::noop_drift, "puppet.noop_drift");
    noop.served_user_data = role_config(R"(, "puppet": {"noop": true})");
    Scenario state = thrice("a state folder of Puppet that cannot be made", recorded_puppet("changed"),
                            Outcome::not_reached, "io.failed");
    state.damage = [](FakeMachine& machine) { machine.root.write("/var/lib/bootwright/puppet", "a file"); };
    state.mend = [](FakeMachine& machine) { machine.root.remove("/var/lib/bootwright/puppet"); };
    // The agent by itself would not try these again: what they rest on has not changed.
    const auto for_good = [&](const char* name, const char* traces, Outcome outcome, const char* code) {
        Scenario scenario = once(name, recorded_puppet(traces), outcome, code);
        scenario.then_because = RunCause::asked_for;
        return scenario;
    };
    Scenario compile =
        for_good("a catalog that does not compile", "compile_error", Outcome::compile_failed, "puppet.compile_failed");
    compile.status["/resources"] = nullptr;
    Scenario failed = thrice("a resource that fails", recorded_puppet("changed_with_failures"),
                             Outcome::changed_with_failures, "puppet.resources_failed");
    failed.status["/failed_resources/0/resource"] = "Exec[/bin/false]";
    failed.status["/failed_resources/0/file"] = "manifests/site.pp";
    failed.status["/failed_resources/0/line"] = 2;
    return {
        compile,
        failed,
        for_good("a syntax error", "syntax_error", Outcome::compile_failed, "puppet.compile_failed"),
        for_good("a role that no class takes", "empty", Outcome::nothing_applied, "puppet.nothing_applied"),
        noop,
        missing,
        state,
        thrice("resources that all fail", recorded_puppet("failed"), Outcome::failed, "puppet.resources_failed"),
        thrice("a failed resource that Puppet calls a success", puppet_ends("failed", {.exit_code = 0}),
               Outcome::failed, "puppet.resources_failed"),
        thrice("an exec that hangs", puppet_ends("changed", {.end = End::timed_out, .duration = 1h}),
               Outcome::timed_out, "puppet.timeout"),
        thrice("a Puppet that is killed for its memory",
               puppet_ends("changed", {.end = End::killed_by_signal, .signal = 9}), Outcome::killed, "puppet.killed"),
        thrice("a disk that is full before the catalog", recorded_puppet("disk_full_at_start"), Outcome::failed,
               "puppet.run_failed"),
        thrice("a disk that is full while compiling", recorded_puppet("disk_full_while_compiling"), Outcome::failed,
               "puppet.run_failed"),
        thrice("a disk that is full at the report", recorded_puppet("disk_full_at_report"), Outcome::failed,
               "puppet.run_failed"),
        thrice("a disk that is full at the summary", ends({.exit_code = 2}), Outcome::failed, "puppet.no_summary"),
        thrice("a Puppet that cannot be started",
               {.cannot_start = transient_error("process.cannot_start", "no memory", "free some")},
               Outcome::not_reached, "process.cannot_start"),
    };
}

TEST_CASE("what Puppet did is told, also where the note of reboots cannot be written after it") {
    const Scenario row{.name = "no note",
                       .puppet = {[] {
                           Script script = recorded_puppet("changed");
                           script.work = [](const ProcessRequest& request) {
                               leave_traces("changed", request);
                               const auto state =
                                   std::filesystem::path(option_of(request, "publicdir")).parent_path().parent_path();
                               std::filesystem::remove(state / "applying.json");
                               std::filesystem::create_directories(state / "applying.json/in-the-way");
                           };
                           return script;
                       }()}};
    Play stage(row);
    const RunReport report = stage.run();
    CHECK(report.is_good());
    CHECK(report.puppet.outcome == Outcome::changed);
    REQUIRE_FALSE(report.warnings.empty());
    CHECK(report.warnings.front().find("is not kept") != std::string::npos);
    CHECK(stage.machine.processes.started("apply").size() == 1);
}

}  // namespace bootwright
