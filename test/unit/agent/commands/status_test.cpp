#include "agent/commands/status.hpp"

#include "agent/record/run_record.hpp"
#include "agent/record/status_file.hpp"
#include "common/base/encoding.hpp"
#include "common/base/error.hpp"
#include "test/fakes/captured_output.hpp"
#include "test/fakes/fake_system.hpp"
#include "test/fakes/run_command.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

using namespace bootwright;
using namespace std::chrono_literals;

namespace {

constexpr pid_t daemon_pid = 100;
constexpr pid_t run_pid = 200;
constexpr const char* revision = "0123456789abcdef0123456789abcdef01234567";

const Instant now{std::chrono::system_clock::time_point(1795383092123ms), 1000s};

Json moment(double seconds) { return {{"wall", "2026-11-22T21:31:32.123Z"}, {"monotonic_s", seconds}}; }

Json a_daemon(const char* state, const Json& next = nullptr) {
    return {{"pid", daemon_pid},       {"pid_start", 1}, {"started", moment(10)}, {"heartbeat", moment(995)},
            {"heartbeat_every_s", 30}, {"state", state}, {"next", next}};
}

Json an_error(const char* kind, const char* stage = "repository") {
    return {{"stage", stage},
            {"kind", kind},
            {"code", "server.unreachable"},
            {"message", "no route"},
            {"advice", "check the network"}};
}

Json a_run(const Json& changes = Json::object()) {
    Json run{{"number", 42},
             {"pid", run_pid},
             {"pid_start", 1},
             {"started", moment(900)},
             {"heartbeat", moment(995)},
             {"heartbeat_every_s", 10},
             {"state", "running"},
             {"stage", "repository"},
             {"stage_started", moment(950)},
             {"attempt", 2},
             {"attempts", 5},
             {"retry", nullptr},
             {"progress", nullptr},
             {"finished", nullptr},
             {"duration_s", nullptr},
             {"outcome", nullptr},
             {"error", nullptr},
             {"role", "web"},
             {"instance", {{"platform", "ec2"}, {"id", "i-1"}, {"region", "us-west-2"}, {"zone", "us-west-2b"}}},
             {"revision", {{"asked", "main"}, {"resolved", revision}}},
             {"resources", nullptr},
             {"failed_resources", Json::array()},
             {"warnings", Json::array()}};
    run.update(changes);
    return run;
}

Json a_good_run() {
    return a_run({{"state", "finished"},
                  {"outcome", "changed"},
                  {"finished", moment(940)},
                  {"duration_s", 12.3},
                  {"resources", {{"total", 82}, {"changed", 3}, {"failed", 0}}}});
}

Json a_failed_run(const char* kind = "transient") {
    return a_run({{"state", "finished"},
                  {"outcome", "not_reached"},
                  {"finished", moment(940)},
                  {"duration_s", 12.3},
                  {"error", an_error(kind)}});
}

Json configured_by(int run) { return {{"run", run}, {"at", moment(500)}, {"revision", revision}, {"role", "web"}}; }

Json a_status(const Json& daemon, const Json& run, const Json& configured) {
    return {{"schema", 1},      {"boot_id", "x"}, {"agent_version", "0.1.0"},
            {"daemon", daemon}, {"run", run},     {"configured", configured}};
}

/// Which processes of the status still run.
enum Alive { nobody = 0, the_daemon = 1, the_run = 2, both = 3 };

StatusView view(const Json& status, Alive alive) {
    // As it comes from the file.
    return view_status(Json::parse(to_line(status)), now, [=](ProcessId process) {
        return (process.pid == daemon_pid && (alive & the_daemon) != 0) ||
               (process.pid == run_pid && (alive & the_run) != 0);
    });
}

/// As print_view() prints it.
std::string text_of(const StatusView& view) {
    std::string text;
    for (const std::string& line : view.lines) {
        text += printable(line) + "\n";
    }
    return text;
}

bool has(const StatusView& view, const std::string& text) { return text_of(view).find(text) != std::string::npos; }

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
         "not configured yet"},
        {"a daemon that stopped before any run", a_daemon("stopped"), nullptr, nullptr, both, exit_not_running, false,
         "nothing has run"},
        {"a daemon that died before any run", a_daemon("running"), nullptr, nullptr, nobody, exit_not_running, false,
         "nothing has run"},
        {"the first run is under way", a_daemon("running"), a_run(), nullptr, both, exit_not_yet, false,
         "not configured yet"},
        {"the first run by hand is under way", nullptr, a_run(), nullptr, the_run, exit_not_yet, false,
         "not configured yet"},
        {"a good run", a_daemon("waiting"), a_good_run(), configured_by(42), the_daemon, exit_ok, true,
         "configured: role web at 0123456789ab"},
        {"a good run, and the daemon is gone", a_daemon("waiting"), a_good_run(), configured_by(42), nobody, exit_ok,
         true, "configured: role web"},
        {"the next run after a good one", a_daemon("running"), a_run(), configured_by(41), both, exit_ok, true,
         "configured: role web"},
        {"a run that failed for now", a_daemon("waiting"), a_failed_run(), nullptr, the_daemon, exit_failed, false,
         "FAILED\n"},
        {"a run that somebody has to help", a_daemon("waiting"), a_failed_run("permanent"), nullptr, the_daemon,
         exit_failed, true, "FAILED\n"},
        {"a failed run, and nobody tries again", nullptr, a_failed_run(), nullptr, nobody, exit_failed, true,
         "FAILED\n"},
        {"a run that failed after a good one", a_daemon("waiting"), a_failed_run(), configured_by(41), the_daemon,
         exit_failed, false, "FAILED (configured earlier in this boot)"},
        {"a run whose agent was killed", a_daemon("waiting"), a_run(), nullptr, nobody, exit_failed, true, "FAILED\n"},
        {"a run whose agent was killed, and the daemon is back", a_daemon("waiting"), a_run(), nullptr, the_daemon,
         exit_failed, false, "FAILED\n"},
        {"a run after one that failed", a_daemon("running"), a_run(), configured_by(40), both, exit_failed, false,
         "FAILED (configured earlier in this boot)"},
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

TEST_CASE("a running run shows its stage, its attempt and its progress") {
    const StatusView seen =
        view(a_status(a_daemon("running"), a_run({{"progress", {{"what", "objects"}, {"done", 12}, {"total", 82}}}}),
                      nullptr),
             both);
    CHECK(has(seen, "42, stage repository, attempt 2 of 5, begun 1 min ago, objects 12 of 82"));
    CHECK(has(seen, "i-1 on ec2, us-west-2b"));
    CHECK(has(seen, "role web at main"));
    CHECK(has(seen, revision));
    CHECK(has(seen, "running, process 100"));
    CHECK_FALSE(has(seen, "hang"));
}

TEST_CASE("a run that waits for another program shows for which, and how long at most") {
    const Json waiting{{"for", "apt-get (process 812), which holds a lock"}, {"until", moment(1004)}};
    const StatusView seen = view(a_status(a_daemon("running"), a_run({{"waiting", waiting}}), nullptr), both);
    CHECK(has(seen, "waiting for apt-get (process 812), which holds a lock; no longer than 4.0 s"));
}

TEST_CASE("a run that waits shows why, and when it tries again") {
    const Json retry{{"at", moment(1004)}, {"delay_s", 9}, {"error", an_error("transient")}};
    const StatusView seen = view(a_status(a_daemon("running"), a_run({{"retry", retry}}), nullptr), both);
    CHECK(has(seen, "server.unreachable (transient)"));
    CHECK(has(seen, "no route"));
    CHECK(has(seen, "check the network"));
    CHECK(has(seen, "attempt in 4.0 s"));
}

TEST_CASE("a failed run shows its error, its resources and what happens next") {
    Json run = a_failed_run();
    run["failed_resources"] = Json::parse(
        R"([{"resource": "Exec[x]", "message": "returned 1", "file": "manifests/site.pp", "line": 7},
            {"resource": "Exec[y]", "message": "no place", "file": null, "line": null}])");
    run["warnings"] = {"something odd"};
    const Json next{{"at", moment(1090)}, {"reason", "trying again after server.unreachable"}};
    const StatusView seen = view(a_status(a_daemon("waiting", next), run, nullptr), the_daemon);
    CHECK(has(seen, "42, not_reached, ended 1 min ago, took 12.3 s"));
    CHECK(has(seen, "Exec[x] (manifests/site.pp:7): returned 1"));
    CHECK(has(seen, "Exec[y]: no place"));
    CHECK(has(seen, "something odd"));
    CHECK(has(seen, "in 1 min: trying again after server.unreachable"));
    CHECK(has(seen, "waiting, process 100"));
}

TEST_CASE("what took long is shown after a bad run, or a long one") {
    Json run = a_failed_run();
    run["slowest"] = Json::parse(
        R"([{"resource": "Exec[a]", "seconds": 75.5}, {"resource": "Exec[b]", "seconds": 3}, {"resource": "Exec[c]", "seconds": 2},
            {"resource": "Exec[d]", "seconds": 1.5}, {"resource": "Exec[e]", "seconds": 0.2}])");
    run["slow_facts"] = Json::parse(R"([{"fact": "apt_has_updates", "seconds": 8}, {"fact": "x", "seconds": 0.6}])");
    const auto shown = [&] { return view(a_status(nullptr, run, nullptr), the_daemon); };
    CHECK(has(shown(), "Exec[a]: 1 min"));
    CHECK(has(shown(), "Exec[c]: 2.0 s"));
    CHECK(has(shown(), "the fact apt_has_updates: 8.0 s"));
    for (const char* unworthy : {"Exec[d]", "Exec[e]", "the fact x"}) {
        CHECK_FALSE(has(shown(), unworthy));
    }
    run["error"] = nullptr;
    CHECK_FALSE(has(shown(), "Exec[a]"));
    run["duration_s"] = 61;
    CHECK(has(shown(), "Exec[a]"));
}

TEST_CASE("what is given up is shown, and what was applied in its place") {
    const std::string good = "fedcba9876543210fedcba9876543210fedcba98";
    Json run = a_failed_run("permanent");
    run["bad"] = {{"revision", revision}, {"failures", 2}, {"given_up", true}};
    run["instead"] = {{"run", 41}, {"revision", good}, {"outcome", "unchanged"}, {"error", nullptr}};
    const auto seen = [&] { return view(a_status(a_daemon("waiting"), run, configured_by(41)), the_daemon); };
    CHECK(has(seen(), "given up  " + std::string(revision) + " after 2 failures"));
    CHECK(has(seen(), "instead   the last good revision " + good + " of run 41 was applied again: unchanged"));
    CHECK(has(seen(), "no undo"));
    run["instead"]["error"] = an_error("transient");
    CHECK(has(seen(), "was to be applied again: no route"));
    run["bad"]["given_up"] = false;
    CHECK_FALSE(has(seen(), "given up"));
}

TEST_CASE("the checks that are not good are shown, while they are waited for and after they failed") {
    const Json checks = Json::parse(R"([{"check": "unit a", "ok": true, "said": "active"},
                                        {"check": "the page", "ok": false, "said": "status 503\u001b"}])");
    const StatusView waits =
        view(a_status(a_daemon("running"), a_run({{"stage", "health"}, {"health", checks}}), nullptr), both);
    CHECK(has(waits, "waits for the page: status 503?"));
    CHECK_FALSE(has(waits, "unit a"));
    Json run = a_failed_run();
    run["health"] = checks;
    const Json next{{"at", moment(1090)}, {"reason", "trying again after health.failed"}};
    const StatusView failed = view(a_status(a_daemon("waiting", next), run, nullptr), the_daemon);
    CHECK(has(failed, "1 of 2 health checks good"));
    CHECK(has(failed, "bad check the page: status 503?"));
    CHECK(has(failed, "trying again after health.failed"));
}

TEST_CASE("what the places said that did not give the revision is shown") {
    Json run = a_good_run();
    run["places"] = Json::parse(R"([{"place": "https://a/x.git", "said": "nobody answers"},
                                    {"place": "https://b/x.git", "said": "gave it"}])");
    const StatusView seen = view(a_status(a_daemon("waiting"), run, configured_by(42)), the_daemon);
    CHECK(has(seen, "place     https://a/x.git said: nobody answers"));
    CHECK_FALSE(has(seen, "https://b/x.git"));
}

TEST_CASE("who was told of the run, and what came back, is shown") {
    Json run = a_good_run();
    run["announced"] = Json::parse(R"([{"to": "webhook https://h", "good": true, "said": "HTTP status 200"}])");
    CHECK(has(view(a_status(a_daemon("waiting"), run, configured_by(42)), the_daemon),
              "announced good to webhook https://h: HTTP status 200"));
}

TEST_CASE("a good run shows its numbers") {
    const StatusView seen = view(a_status(a_daemon("waiting"), a_good_run(), configured_by(42)), the_daemon);
    CHECK(has(seen, "82 resources, 3 changed, 0 failed"));
    CHECK(has(seen, "none planned"));
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
    CHECK(text_of(seen).starts_with("FAILED"));
    CHECK(has(seen, "blocked   no run can begin, since 1 min ago\n"));
    CHECK(has(seen, "io.not_permitted"));
    CHECK(has(seen, "cannot write /var/lib/bootwright: Read-only file system\n"));
    CHECK(has(seen, "check that the file system is mounted writable\n"));
}

TEST_CASE("an instance without a zone shows its region, or nothing") {
    Json run = a_good_run();
    run["instance"]["zone"] = nullptr;
    CHECK(has(view(a_status(nullptr, run, configured_by(42)), nobody), "i-1 on ec2, us-west-2\n"));
    run["instance"]["region"] = nullptr;
    CHECK(has(view(a_status(nullptr, run, configured_by(42)), nobody), "i-1 on ec2\n"));
}

TEST_CASE("control characters from outside are made harmless") {
    Json run = a_failed_run();
    run["error"]["message"] =
        "a\x1b[2Jb\nc\rd\x7f"
        "e\tf";
    run["role"] = "\x1b]0;title\x07";
    run["warnings"] = {"line one\nconfigured: role fake at 000000000000"};
    run["failed_resources"] =
        Json::parse(R"([{"resource": "\u001b[31mExec", "message": "\b\b\b", "file": "\u0000", "line": "\n"}])");
    run["instance"]["id"] = "\n";
    const StatusView seen = view(a_status(a_daemon("waiting\n"), run, nullptr), the_daemon);
    const std::string text = [&] {
        const CapturedOutput output;
        print_view(seen);
        return output.text();
    }();
    for (const char c : text) {
        CHECK((static_cast<unsigned char>(c) >= 0x20 || c == '\n'));
        CHECK(c != '\x7f');
    }
    CHECK(text.find("\nconfigured: role fake") == std::string::npos);
    CHECK(text.find("line one?configured: role fake") != std::string::npos);
}

TEST_CASE("the control characters above 127 are made harmless too: terminals obey them") {
    Json run = a_failed_run();
    run["error"]["message"] =
        "a\xC2\x9B"
        "2Jb\xC2\x85"
        "c";
    CHECK_FALSE(has(view(a_status(nullptr, run, nullptr), nobody), "\xC2\x9B"));
    CHECK_FALSE(has(view(a_status(nullptr, run, nullptr), nobody), "\xC2\x85"));
}

TEST_CASE("a status of another version, with members missing or of other types, is shown as far as it goes") {
    const std::string text = GENERATE(values<std::string>({
        "{}",
        R"({"daemon": 5, "run": "x", "configured": []})",
        R"({"daemon": {}, "run": {}, "configured": {}})",
        R"({"run": {"state": "running"}})",
        R"({"run": {"state": "finished", "failed_resources": 5, "warnings": "x", "error": [], "instance": 7, "revision": 1}})",
        R"({"run": {"state": "finished", "failed_resources": [1, null], "duration_s": "x", "finished": "x"}})",
        R"({"run": {"state": 5, "progress": {"total": "x"}, "retry": {"error": 1, "at": 2}}})",
        R"({"run": {"state": "running", "heartbeat_every_s": "x", "heartbeat": []}, "daemon": {"next": {"at": 1}}})",
    }));
    CAPTURE(text);
    const Json status = Json::parse(text);
    for (const Alive alive : {nobody, both}) {
        CHECK_NOTHROW(view(status, alive));
    }
    CHECK_NOTHROW(view_status(status, now, [](ProcessId) { return true; }));
}

TEST_CASE("a process number of another type is no living process") {
    for (const char* text :
         {R"({"daemon": {"pid": "x", "pid_start": "y"}})", R"({"run": {"state": "running", "pid": null}})",
          R"({"run": {"number": "x"}})", R"({"run": {"number": null}, "daemon": {"pid": [1]}})"}) {
        CAPTURE(text);
        CHECK_NOTHROW(view(Json::parse(text), nobody));
    }
}

TEST_CASE("times that make no sense are shown as now") {
    Json run = a_good_run();
    for (const Json& strange : {Json(-5.0), Json(1e300), Json(-1e300), Json("x"), Json(nullptr)}) {
        run["finished"] = {{"monotonic_s", strange}};
        CHECK_NOTHROW(view(a_status(nullptr, run, configured_by(42)), nobody));
    }
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
