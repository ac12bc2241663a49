// What of a run, and of who else had a part in it, is shown.

#include "agent/commands/status/status.hpp"

#include "agent/record/run_record.hpp"
#include "test/fakes/captured_output.hpp"
#include "test/fakes/run_command.hpp"
#include "test/fakes/status_texts.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

using namespace bootwright;
using namespace bootwright::status_tests;

TEST_CASE("a running run shows its stage, its attempt and its progress") {
    const StatusView seen =
        view(a_status(a_daemon("running"), a_run({{"progress", {{"what", "objects"}, {"done", 12}, {"total", 82}}}}),
                      nullptr),
             both);
    CHECK(has(seen, "42, stage repository, attempt 2 of 5, begun 1 min ago\n"));
    CHECK(has(seen, "] 14 %, objects 12 of 82\n"));
    CHECK(has(seen, "i-1 on ec2, us-west-2b"));
    CHECK(has(seen, "role web at main"));
    CHECK(has(seen, "revision  0123456789ab\n"));
    CHECK(has(seen, "running, process 100"));
    CHECK_FALSE(has(seen, "hang"));
}

TEST_CASE("a run that waits for another program shows for which, and how long at most") {
    const Json waiting{{"for", "apt-get (process 812), which holds a lock"}, {"until", moment(1004)}};
    const StatusView seen = view(a_status(a_daemon("running"), a_run({{"waiting", waiting}}), nullptr), both);
    CHECK(has(seen, "waiting for apt-get (process 812), which holds a lock; no longer than 4.0 s"));
}

TEST_CASE("hooks are shown while they are at work, and with what they said") {
    const Json hooks = Json::parse(
        R"([{"hook": "before-run/drain", "ok": true, "said": "exit status 0: drained", "exit_status": 0, "took_s": 1.2},
            {"hook": "before-run/mount", "ok": null, "said": null, "exit_status": null, "took_s": null}])");
    const StatusView seen = view(a_status(a_daemon("running"), a_run({{"hooks", hooks}}), nullptr), both);
    CHECK(has(seen, "before-run/drain, 1.2 s: exit status 0: drained"));
    CHECK(has(seen, "before-run/mount: under way"));
    CHECK(has(view(a_status(a_daemon("running"), a_run({{"hooks", hooks}}), nullptr), the_daemon),
              "before-run/mount: was cut off"));
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
    CHECK_FALSE(has(seen, "https://b/x.git said"));
}

TEST_CASE("a revision shows its words, its tag, its signer, where it is from, and what has changed with it") {
    Json run = a_good_run();
    run["commit"] = {{"subject", "Serve the new site"},
                     {"author", "Ann Example"},
                     {"date", "2026-11-20T14:03:07.000Z"},
                     {"tag", "v1.4"},
                     {"since", {{"revision", std::string(40, 'f')}, {"files", 3}}}};
    run["signer"] = "ann@example.com";
    run["places"] = {{{"place", "https://git.example.com/x.git"}, {"said", "gave it"}, {"took_s", 1.5}}};
    const auto seen = [&] { return text_of(view(a_status(a_daemon("waiting"), run, configured_by(42)), the_daemon)); };
    CHECK(seen().find("  asked for role web at main\n"
                      "  revision  0123456789ab Serve the new site\n"
                      "  by        Ann Example, 2026-11-20 14:03 UTC, tag v1.4\n"
                      "  changes   3 files since ffffffffffff\n"
                      "  signed by ann@example.com\n"
                      "  from      https://git.example.com/x.git, in 1.5 s\n") != std::string::npos);
    run["commit"]["date"] = run["commit"]["tag"] = run["commit"]["since"] = nullptr;
    run["places"] = Json::array();
    CHECK(seen().find("  by        Ann Example\n  signed by") != std::string::npos);
    CHECK(seen().find("  from      this machine's disk: nothing had to be fetched\n") != std::string::npos);
    run.erase("commit");  // of an older agent
    run.erase("places");
    CHECK(seen().find("  revision  0123456789ab\n  signed by") != std::string::npos);
    CHECK(seen().find("  from ") == std::string::npos);
}

TEST_CASE("the time that is left is told once enough is done, and where it is known since when") {
    const auto left = [](int done, const Json& since) {
        const Json progress{{"what", "resources"}, {"done", done}, {"total", 100}, {"since", since}};
        return text_of(view(a_status(a_daemon("running"), a_run({{"progress", progress}}), nullptr), both));
    };
    CHECK(
        left(25, moment(990)).find("[#######.......................] 25 %, resources 25 of 100, about 30.0 s left\n") !=
        std::string::npos);
    for (const std::string& text :
         {left(5, moment(990)), left(25, moment(999)), left(100, moment(990)), left(0, moment(1)), left(25, Json())}) {
        CHECK(text.find("left") == std::string::npos);
        CHECK(text.find(" of 100\n") != std::string::npos);
    }
}

TEST_CASE("what noop left as it is has its names") {
    Json run = a_failed_run("permanent");
    run["resources"] = {{"total", 82}, {"changed", 1}, {"failed", 0}, {"out_of_sync", 4}};
    run["drifted_resources"] = Json::parse(
        R"([{"resource": "File[/etc/motd]", "file": "site.pp", "line": 7}, {"resource": "Exec[x]", "file": null, "line": null}])");
    const StatusView seen = view(a_status(a_daemon("waiting"), run, nullptr), the_daemon);
    CHECK(has(seen, "  drift     File[/etc/motd] (site.pp:7)\n  drift     Exec[x]\n  drift     and 1 more: see"));
    run.erase("drifted_resources");
    CHECK_FALSE(has(view(a_status(a_daemon("waiting"), run, nullptr), the_daemon), "drift"));
}

TEST_CASE("how old a status is counts from the later sign of life") {
    Json daemon = a_daemon("waiting");
    daemon["heartbeat"] = moment(998);
    CHECK(has(view(a_status(daemon, a_good_run(), configured_by(42)), the_daemon), "  as of     2.0 s ago\n"));
    CHECK(has(view(a_status(nullptr, a_good_run(), configured_by(42)), nobody), "  as of     5.0 s ago\n"));
    CHECK_FALSE(has(view(a_status(nullptr, nullptr, nullptr), nobody), "as of"));
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

TEST_CASE("an instance without a zone shows its region, or nothing") {
    Json run = a_good_run();
    run["instance"]["zone"] = nullptr;
    CHECK(has(view(a_status(nullptr, run, configured_by(42)), nobody), "i-1 on ec2, us-west-2\n"));
    run["instance"]["region"] = nullptr;
    CHECK(has(view(a_status(nullptr, run, configured_by(42)), nobody), "i-1 on ec2\n"));
}

TEST_CASE("control characters from outside are made harmless") {
    Json run = a_failed_run();
    run["commit"] = {
        {"subject", "\x1b[2J\xE2\x80\xAE"}, {"author", "\nconfigured: role fake at 000000000000"}, {"tag", "\r"}};
    run["drifted_resources"] = {{{"resource", "\x1b]0;title\x07"}}};
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
    CHECK(text.find("line one configured: role fake") != std::string::npos);
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
        R"({"run": {"state": "running", "revision": {"resolved": 7}, "commit": {"subject": [], "since": {"files": "x"}}}})",
        R"({"run": {"state": "finished", "commit": [], "drifted_resources": {"a": 7}, "resources": {"out_of_sync": "x"}}})",
        R"({"run": {"state": "running", "progress": {"total": 18446744073709551615, "done": 1, "since": {"monotonic_s": 1}}}})",
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
