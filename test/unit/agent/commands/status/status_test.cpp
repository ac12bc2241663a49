#include "agent/commands/status/status.hpp"

#include "agent/record/run_record.hpp"
#include "common/base/error.hpp"
#include "test/fakes/captured_output.hpp"
#include "test/fakes/fake_system.hpp"
#include "test/fakes/run_command.hpp"
#include "test/fakes/status_texts.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

using namespace bootwright;
using namespace bootwright::status_tests;
using namespace std::chrono_literals;

namespace {

struct Printed {
    int status;
    std::string text;
};

/// Outside of any CHECK: Catch2 redirects standard output anew at each assertion.
Printed print_status(const System& system, const std::map<std::string, std::string>& given) {
    const CapturedOutput output;
    const int status = run_command(system, "status", given);
    return {status, output.text()};
}

}  // namespace

TEST_CASE("the verdict follows from run, daemon, and what was configured") {
    struct Row {
        const char* name;
        Json daemon;
        Json run;
        Json configured;
        Alive alive;
        ExitStatus verdict;
        bool is_final;
        const char* headline;
    };
    const Row row = GENERATE(values<Row>({
        {"nothing has ever run", nullptr, nullptr, nullptr, nobody, exit_not_running, false,
         "nothing has run since this boot, and no agent is running"},
        {"the daemon has just started", a_daemon("waiting"), nullptr, nullptr, the_daemon, exit_not_yet, false,
         "not configured yet: no run has begun\n"},
        {"a daemon that stopped before any run", a_daemon("stopped"), nullptr, nullptr, both, exit_not_running, false,
         "nothing has run"},
        {"a daemon that died before any run", a_daemon("running"), nullptr, nullptr, nobody, exit_not_running, false,
         "nothing has run"},
        {"the first run is under way", a_daemon("running"), a_run(), nullptr, both, exit_not_yet, false,
         "not configured yet: run 42 is under way\n"},
        {"the first run by hand is under way", nullptr, a_run(), nullptr, the_run, exit_not_yet, false,
         "not configured yet"},
        {"a good run", a_daemon("waiting"), a_good_run(), configured_by(42), the_daemon, exit_ok, true,
         "configured: role web at 0123456789ab"},
        {"a good run, and the daemon is gone", a_daemon("waiting"), a_good_run(), configured_by(42), nobody, exit_ok,
         true, "configured: role web"},
        {"the next run after a good one", a_daemon("running"), a_run(), configured_by(41), both, exit_ok, true,
         "configured: role web"},
        {"a run that failed for now", a_daemon("waiting"), a_failed_run(), nullptr, the_daemon, exit_failed, false,
         "FAILED in repository: server.unreachable\n"},
        {"a run that somebody has to help", a_daemon("waiting"), a_failed_run("permanent"), nullptr, the_daemon,
         exit_failed, true, "FAILED in repository: server.unreachable\n"},
        {"a failed run, and nobody tries again", nullptr, a_failed_run(), nullptr, nobody, exit_failed, true,
         "FAILED in repository: server.unreachable\n"},
        {"a run that failed after a good one", a_daemon("waiting"), a_failed_run(), configured_by(41), the_daemon,
         exit_failed, false, "FAILED in repository: server.unreachable (configured earlier in this boot)\n"},
        {"a run whose agent was killed", a_daemon("waiting"), a_run(), nullptr, nobody, exit_failed, true,
         "FAILED: run 42 was cut off\n"},
        {"a run whose agent was killed, and the daemon is back", a_daemon("waiting"), a_run(), nullptr, the_daemon,
         exit_failed, false, "FAILED: run 42 was cut off\n"},
        {"a run after one that failed", a_daemon("running"), a_run(), configured_by(40), both, exit_failed, false,
         "FAILED before; run 42 is under way (configured earlier in this boot)\n"},
    }));
    CAPTURE(row.name);
    const StatusView seen = view(a_status(row.daemon, row.run, row.configured), row.alive);
    CHECK(seen.verdict == row.verdict);
    CHECK(seen.is_final == row.is_final);
    CHECK(text_of(seen).starts_with(row.headline));
}

TEST_CASE("a run by hand that is under way is waited for, also after one that failed") {
    CHECK_FALSE(view(a_status(nullptr, a_run(), configured_by(40)), the_run).is_final);
}

TEST_CASE("a daemon that does not run is told, with how to start it") {
    CHECK(has(view(a_status(nullptr, a_good_run(), configured_by(42)), nobody), "systemctl start bootwright"));
    const StatusView cut = view(a_status(a_daemon("running"), a_run(), nullptr), nobody);
    CHECK(has(cut, "42 was cut off in stage repository: its agent (process 200) is gone"));
    CHECK(has(cut, "`systemctl start bootwright` or `bootwright run`"));
    CHECK(has(view(a_status(a_daemon("waiting"), a_run(), nullptr), the_daemon), "nothing: the daemon runs again"));
}

TEST_CASE("a heartbeat that stands still is told") {
    CHECK(has(view(a_status(a_daemon("running"), a_run({{"heartbeat", moment(960)}}), nullptr), both), "it may hang"));
    CHECK_FALSE(
        has(view(a_status(a_daemon("running"), a_run({{"heartbeat", moment(975)}}), nullptr), both), "it may hang"));
    Json hanging = a_daemon("waiting");
    hanging["heartbeat"] = moment(800);
    CHECK(has(view(a_status(hanging, a_good_run(), configured_by(42)), the_daemon), "it may hang"));
    // One that is gone does not hang.
    CHECK_FALSE(has(view(a_status(hanging, a_good_run(), configured_by(42)), nobody), "it may hang"));
}

TEST_CASE("a daemon that beats does not hang because a run by hand was killed long ago") {
    const Json killed = a_run({{"heartbeat", moment(10)}});
    CHECK_FALSE(has(view(a_status(a_daemon("waiting"), killed, nullptr), the_daemon), "it may hang"));
}

TEST_CASE("what keeps a run from beginning makes the status bad, whatever the last run was") {
    struct Row {
        const char* kind;
        Alive alive;
        bool is_final;
    };
    const Row row = GENERATE(
        values<Row>({{"permanent", the_daemon, true}, {"transient", the_daemon, false}, {"transient", nobody, true}}));
    CAPTURE(row.kind, row.alive);
    const Json run = GENERATE(a_good_run(), Json());
    Json status = a_status(a_daemon("waiting"), run, run.is_null() ? Json() : configured_by(42));
    status["blocked"] = {{"since", moment(940)},
                         {"error",
                          {{"kind", row.kind},
                           {"code", "io.not_permitted"},
                           {"message", "cannot write /var/lib/bootwright: Read-only file system"},
                           {"advice", "check that the file system is mounted writable"}}}};
    const StatusView seen = view(status, row.alive);
    CHECK(seen.verdict == exit_failed);
    CHECK(seen.is_final == row.is_final);
    CHECK(text_of(seen).starts_with("FAILED: no run can begin"));
    CHECK(has(seen, "blocked   no run can begin, since 1 min ago\n"));
    CHECK(has(seen, "io.not_permitted"));
    CHECK(has(seen, "cannot write /var/lib/bootwright: Read-only file system\n"));
    CHECK(has(seen, "check that the file system is mounted writable\n"));
}

TEST_CASE("the command prints the text for people, or the JSON") {
    const FakeSystem fake;
    const Printed people = print_status(fake.system, {});
    const Printed json = print_status(fake.system, {{"--json", ""}});
    CHECK(people.status == exit_not_running);
    CHECK(people.text.starts_with("nothing has run"));
    CHECK(json.status == exit_not_running);
    CHECK(Json::parse(json.text).at("schema") == 1);
}

TEST_CASE("waiting ends when the instance is configured") {
    FakeSystem fake;
    RunRecord record(fake.system, 1);  // by this process, which is alive
    fake.clock.on_sleep = [&](std::size_t number) {
        if (number == 3) {
            record.role({.role = "web"});
            record.finish();
        }
    };
    const Printed printed = print_status(fake.system, {{"--wait", ""}});
    CHECK(printed.status == exit_ok);
    CHECK(fake.clock.slept.size() == 3);
    CHECK(printed.text.starts_with("configured: role web"));
}

TEST_CASE("waiting ends when the run failed and nobody tries again") {
    FakeSystem fake;
    RunRecord record(fake.system, 1);
    fake.clock.on_sleep = [&](std::size_t number) {
        if (number == 2) {
            record.error(transient_error("a.b", "c", "d"));
            record.finish();
        }
    };
    CHECK(print_status(fake.system, {{"--wait", ""}}).status == exit_failed);
}

TEST_CASE("waiting ends at its time limit with a status of its own") {
    FakeSystem fake;
    const RunRecord record(fake.system, 1);
    const Printed printed = print_status(fake.system, {{"--wait", ""}, {"--timeout", "10s"}});
    CHECK(printed.status == exit_not_yet);
    CHECK(fake.clock.time.since_boot == 15s);
    CHECK(printed.text.starts_with("not configured yet"));
    CHECK(print_status(fake.system, {{"--wait", ""}, {"--timeout", "0s"}}).status == exit_not_yet);
}

TEST_CASE("one line says what holds, what the last run came to, and what happens next") {
    const Json next{{"at", moment(1090)}, {"reason", "trying again after server.unreachable"}};
    const auto line = [](const Json& status, Alive alive) { return text_of(view(status, alive).one_line); };
    CHECK(line(a_status(a_daemon("waiting", next), a_good_run(), configured_by(42)), the_daemon) ==
          "configured: role web at 0123456789ab; run 42 changed 1 min ago; next in 1 min\n");
    CHECK(line(a_status(a_daemon("waiting", next), a_failed_run(), nullptr), the_daemon) ==
          "FAILED in repository: server.unreachable; run 42 not_reached 1 min ago; next in 1 min\n");
    const Json progress{{"what", "objects"}, {"done", 12}, {"total", 82}};
    CHECK(line(a_status(a_daemon("running"), a_run({{"progress", progress}}), nullptr), both) ==
          "not configured yet: run 42 is under way; repository, objects 12 of 82\n");
    CHECK(line(a_status(nullptr, a_good_run(), configured_by(42)), nobody) ==
          "configured: role web at 0123456789ab; run 42 changed 1 min ago; no daemon\n");
    CHECK(line(a_status(nullptr, nullptr, nullptr), nobody) ==
          "nothing has run since this boot, and no agent is running\n");
    Json hanging = a_daemon("waiting");
    hanging["heartbeat"] = moment(800);
    CHECK(line(a_status(hanging, a_good_run(), configured_by(42)), the_daemon).ends_with("; it may hang\n"));
}

TEST_CASE("the command prints one line if it is asked to") {
    FakeSystem fake;
    RunRecord record(fake.system, 1);
    record.role({.role = "web"});
    record.revision({.revision = revision, .folder = ""});
    record.finish();
    const Printed printed = print_status(fake.system, {{"--oneline", ""}});
    CHECK(printed.status == exit_ok);
    CHECK(printed.text == "configured: role web at 0123456789ab; run 1 not_reached 0 ms ago; no daemon\n");
}

TEST_CASE("following says each stage and attempt once where no cursor can be moved, and ends with the run") {
    FakeSystem fake;
    RunRecord record(fake.system, 1);
    fake.clock.on_sleep = [&](std::size_t number) {
        if (number == 2) {
            record.begin_stage(Stage::repository, 3);
        } else if (number == 4) {
            record.begin_attempt(2);
        } else if (number == 6) {
            record.error(transient_error("a.b", "c", "d"));
            record.finish();
        }
    };
    const Printed printed = print_status(fake.system, {{"--follow", ""}, {"--oneline", ""}});
    CHECK(printed.status == exit_failed);
    CHECK(fake.clock.slept.size() == 6);
    CHECK(printed.text ==
          "not configured yet: run 1 is under way; platform\n"
          "not configured yet: run 1 is under way; repository\n"
          "not configured yet: run 1 is under way; repository\n"
          "FAILED in repository: a.b; run 1 not_reached 250 ms ago; no daemon\n");
}

TEST_CASE("following prints nothing but the document for programs, and does not wait where nothing runs") {
    FakeSystem fake;
    CHECK(print_status(fake.system, {{"--follow", ""}}).status == exit_not_running);
    RunRecord record(fake.system, 1);
    fake.clock.on_sleep = [&](std::size_t) { record.finish(); };
    const Printed printed = print_status(fake.system, {{"--follow", ""}, {"--json", ""}});
    CHECK(fake.clock.slept.size() == 1);
    CHECK(Json::parse(printed.text).at("run").at("state") == "finished");
}

TEST_CASE("of an older agent, the run before one that is under way is the one of the number before") {
    Json run = a_good_run();
    run["state"] = "running";
    run.erase("before");
    CHECK(view(a_status(a_daemon("running"), run, configured_by(41)), both).verdict == exit_ok);
    CHECK(view(a_status(a_daemon("running"), run, configured_by(40)), both).verdict == exit_failed);
    run["before"] = 40;
    CHECK(view(a_status(a_daemon("running"), run, configured_by(40)), both).verdict == exit_ok);
}
