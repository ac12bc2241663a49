// Whole runs on a machine of fakes, with hooks of the image's.

#include "agent/hooks/hooks.hpp"

#include "agent/record/history.hpp"
#include "agent/record/past.hpp"
#include "agent/record/status_file.hpp"
#include "agent/run/run.hpp"
#include "common/documents/json.hpp"
#include "test/fakes/captured_errors.hpp"
#include "test/fakes/fake_machine.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <filesystem>

using namespace bootwright;
using namespace std::chrono_literals;

namespace {

using Script = FakeProcesses::Script;
using End = ProcessResult::End;

Script ends(int status, std::vector<std::string> lines = {}) {
    return {.result = {.exit_code = status}, .lines = std::move(lines)};
}

struct World {
    CapturedErrors log{};
    FakeMachine machine{};
    std::stop_source stop{};

    /// @param name "before-run/10-drain"
    void hook(const std::string& name, const Script& script, mode_t mode = 0755) {
        machine.root.write("/etc/bootwright/hooks.d/" + name, "#!/bin/sh\n", mode);
        machine.processes.answer(std::filesystem::path(name).filename(), script);
    }
    RunReport run(bool noop = false) {
        RunRecord record(machine.system, next_run_number(machine.system));
        return bootwright::run(machine.system, record, {.cause = RunCause::asked_for, .noop = noop}, stop.get_token());
    }
    [[nodiscard]] std::vector<Json> given_to(const std::string& program) const {
        std::vector<Json> reports;
        for (const ProcessRequest& request : machine.processes.started(program)) {
            reports.push_back(Json::parse(request.input));
        }
        return reports;
    }
    [[nodiscard]] Json kept(int number) const {
        return Json::parse(
            machine.root.read("/var/lib/bootwright/runs/00000" + std::to_string(number) + "/report.json"));
    }
};

std::vector<std::string> names_of(const RunReport& report) {
    std::vector<std::string> names;
    for (const RunReport::Hook& hook : report.hooks) {
        names.push_back(hook.name);
    }
    return names;
}

}  // namespace

TEST_CASE("hooks run before and after a run, in the order of their names, and are told of it") {
    World world;
    world.hook("after-run/b", ends(0));
    world.hook("after-run/a", ends(0, {"back in the pool"}));
    world.hook("before-run/10-drain", ends(0));
    world.hook("on-failure/page", ends(0));
    const RunReport report = world.run();
    CHECK(report.is_good());
    CHECK(names_of(report) == std::vector<std::string>{"before-run/10-drain", "after-run/a", "after-run/b"});
    CHECK(report.hooks.at(1).said == "exit status 0: back in the pool");
    CHECK(report.hooks.at(1).exit_status == 0);
    const Json before = world.given_to("10-drain").at(0);
    CHECK((before.at("stage") == "hooks" && before.at("number") == 1 && before.at("state") == "running"));
    const Json after = world.given_to("a").at(0);
    CHECK((after.at("state") == "finished" && after.at("outcome") == "changed" && after.at("role") == "web"));
    const ProcessRequest request = world.machine.processes.started("a").at(0);
    CHECK(request.arguments == std::vector{world.machine.root.path("/etc/bootwright/hooks.d/after-run/a").string()});
    CHECK((request.ends_family && request.timeout == 5min && request.environment.size() == 3));
    CHECK(world.kept(1) == to_json(report));
    CHECK(StatusFile(world.machine.system).read().at("run").at("hooks") == to_json(report).at("hooks"));
}

TEST_CASE("what is no program, and what editors and dpkg leave, is no hook") {
    World world;
    world.hook("before-run/README", ends(1), 0644);
    world.hook("before-run/.hidden", ends(1));
    world.hook("before-run/drain~", ends(1));
    world.hook("before-run/drain.dpkg-old", ends(1));
    world.machine.root.make_folder("/etc/bootwright/hooks.d/before-run/folder");
    CHECK(world.run().hooks.empty());
}

TEST_CASE("a hook that fails before a run ends it, and the hooks after it hear why") {
    World world;
    world.hook("before-run/10-drain", ends(3, {"no such pool"}));
    world.hook("before-run/20-next", ends(0));
    world.hook("on-failure/page", ends(0));
    world.hook("after-run/undrain", ends(0));
    const RunReport report = world.run();
    REQUIRE(report.error);
    CHECK((report.error->code == "hook.failed" && report.error->kind == ErrorKind::transient));
    CHECK(report.error->message == "the hook before-run/10-drain has ended this run: exit status 3: no such pool");
    CHECK(names_of(report) == std::vector<std::string>{"before-run/10-drain", "on-failure/page", "after-run/undrain"});
    CHECK(world.machine.processes.started("apply").empty());
    const Json told = world.given_to("page").at(0);
    CHECK((told.at("error").at("stage") == "hooks" && told.at("error").at("code") == "hook.failed"));
    CHECK(Past(world.machine.system).line(0).at("error").at("code") == "hook.failed");
}

TEST_CASE("a hook that ends in another way has failed, too") {
    const auto [result, said] = GENERATE(
        table<ProcessResult, std::string>({{{.end = End::timed_out}, "not done within 5 min"},
                                           {{.end = End::killed_by_signal, .signal = 9}, "killed by signal 9"}}));
    World world;
    world.hook("before-run/10-drain", {.result = result});
    const RunReport report = world.run();
    CHECK(report.hooks.at(0).said == said);
    CHECK(!report.hooks.at(0).exit_status);
    CHECK((report.error && report.error->code == "hook.failed"));
}

TEST_CASE("a hook that cannot be started has failed") {
    World world;
    world.hook("before-run/x",
               {.cannot_start = transient_error("process.cannot_start", "cannot start x: Exec format error", "look")});
    CHECK(world.run().hooks.at(0).said == "cannot start x: Exec format error");
}

TEST_CASE("nothing is run that others than root may change") {
    World world;
    world.hook("before-run/10-good", ends(0));
    world.hook("before-run/20-open", ends(0), GENERATE(as<mode_t>(), 0755, 0775, 0757));
    if (world.machine.root.mode("/etc/bootwright/hooks.d/before-run/20-open") == 0755) {
        std::filesystem::permissions(world.machine.root.path("/etc/bootwright/hooks.d"), std::filesystem::perms(0777));
    }
    const RunReport report = world.run();
    REQUIRE(report.error);
    CHECK((report.error->code == "hook.unsafe" && report.error->kind == ErrorKind::permanent));
    CHECK(report.error->message.find("/etc/bootwright/hooks.d/before-run/") != std::string::npos);
    CHECK(report.hooks.empty());
}

TEST_CASE("a link is no hook of root's") {
    World world;
    world.hook("on-failure/page", ends(0));
    world.machine.root.make_folder("/etc/bootwright/hooks.d/after-run");
    std::filesystem::create_symlink(world.machine.root.path("/etc/bootwright/hooks.d/on-failure/page"),
                                    world.machine.root.path("/etc/bootwright/hooks.d/after-run/page"));
    const RunReport report = world.run();
    CHECK(report.is_good());
    CHECK(report.hooks.empty());
    CHECK(report.warnings.at(0).find("hooks.d/after-run/page is not run") != std::string::npos);
}

TEST_CASE("a hook that fails after a run leaves it as it is, and is told") {
    World world;
    world.hook("after-run/a", ends(7, {"the balancer is away"}));
    world.hook("after-run/b", ends(0));
    const RunReport report = world.run();
    CHECK(report.is_good());
    CHECK(report.hooks.size() == 2);
    CHECK(report.warnings.at(0).ends_with("leaves this run as it is: exit status 7: the balancer is away"));
    CHECK(world.kept(1).at("warnings").at(0) == report.warnings.at(0));
}

TEST_CASE("a run that changes nothing runs no hooks") {
    World world;
    world.hook("before-run/a", ends(0));
    world.hook("after-run/b", ends(0));
    CHECK(world.run(true).hooks.empty());
}

TEST_CASE("an agent.json that cannot be read is a failure that hooks hear of") {
    World world;
    world.machine.root.write("/etc/bootwright/agent.json", "{");
    world.hook("before-run/a", ends(0));
    world.hook("on-failure/page", ends(0));
    CHECK(names_of(world.run()) == std::vector<std::string>{"on-failure/page"});
}

TEST_CASE("an agent that is told to stop ends its hook and the run, and begins no other") {
    World world;
    world.hook("before-run/a",
               {.result = {.end = End::stopped}, .work = [&](const ProcessRequest&) { world.stop.request_stop(); }});
    world.hook("after-run/b", ends(0));
    const RunReport report = world.run();
    CHECK((report.error && report.error->code == "stopped"));
    CHECK(names_of(report) == std::vector<std::string>{"before-run/a"});
    CHECK(report.warnings.at(0) == "not all hooks of after-run were run: the agent was told to stop");
}

TEST_CASE("no secret of the role config is in what hooks say") {
    const std::string secret = "hunter2-of-the-data";
    World world;
    Json role = Json::parse(good_user_data());
    role["data"] = {{"password", secret}};
    world.machine.http.answer("GET /latest/user-data", to_line(role));
    world.hook("before-run/a", ends(0, {secret}));
    world.hook("after-run/b", ends(1, {secret}));
    const RunReport first = world.run();
    CHECK(first.hooks.at(0).said == "exit status 0: [redacted]");  // as soon as the role config is known
    CHECK(first.hooks.at(1).said == "exit status 1: [redacted]");
    world.hook("before-run/a", ends(1, {secret}));
    const RunReport second = world.run();
    CHECK(second.error->message.ends_with("exit status 1: [redacted]"));  // known from the run before
    CHECK(second.hooks.at(1).said == "exit status 1: [redacted]");
    CHECK(to_line(StatusFile(world.machine.system).read()).find(secret) == std::string::npos);
    CHECK(world.log.text().find(secret) == std::string::npos);
}

TEST_CASE("what is on disk while a hook is at work says so, if power goes") {
    World world;
    world.hook("before-run/a", {.work = [&](const ProcessRequest&) {
                   CHECK(world.machine.root.exists("/var/lib/bootwright/runs/000001"));
                   remember_runs(world.machine.system);
                   CHECK(Past(world.machine.system).line(0).at("outcome") == "cut_off");
                   world.machine.root.remove("/var/lib/bootwright/history.jsonl");
               }});
    world.hook("after-run/b", {.work = [&](const ProcessRequest&) {
                   const Json kept = world.kept(1);
                   CHECK((kept.at("state") == "finished" && kept.at("outcome") == "changed"));
                   CHECK(kept.at("hooks").at(1).at("hook") == "after-run/b");
                   CHECK(kept.at("hooks").at(1).at("took_s").is_null());
               }});
    CHECK(world.run().hooks.size() == 2);
}
