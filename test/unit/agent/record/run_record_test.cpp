#include "agent/record/run_record.hpp"

#include "agent/record/status_file.hpp"
#include "common/base/error.hpp"
#include "test/fakes/record_world.hpp"

#include <catch2/catch_test_macros.hpp>

#include <unistd.h>

#include <algorithm>
#include <initializer_list>
#include <thread>

using namespace bootwright;
using namespace std::chrono_literals;

TEST_CASE("a run is in the status from its first moment, with the process that runs it") {
    const RecordWorld world;
    CHECK(world.run().at("number") == 42);
    CHECK(world.run().at("state") == "running");
    CHECK(world.run().at("stage") == "platform");
    CHECK(world.run().at("pid") == getpid());
    CHECK(world.run().at("pid_start") > 0);
    CHECK(world.run().at("heartbeat_every_s") == 10);
    CHECK(world.run().at("started").at("monotonic_s") == 5.0);
    CHECK(world.status().at("configured").is_null());
}

TEST_CASE("where the time goes is noted as the run goes on") {
    RecordWorld world;
    const auto step = [](const char* kind, const std::string& what, double from, const Json& took) {
        return Json{{"kind", kind}, {"what", what}, {"from_s", from}, {"took_s", took}};
    };
    world.record.begin_stage(Stage::repository, 5);
    world.fake.clock.advance(1s);
    world.record.waiting("the network", 60s);
    world.fake.clock.advance(2s);
    CHECK(world.run().at("steps").at(1) == step("wait", "the network", 1, nullptr));
    world.record.retrying(transient_error("a.b", "what", "do"), 3s);
    world.fake.clock.advance(3s);
    world.record.begin_attempt(2);
    world.fake.clock.advance(1s);
    world.record.place_answered({"https://git.example.com/x.git", "gave it", 0.5});
    world.record.begin_stage(Stage::puppet, 1);
    world.fake.clock.advance(4s);
    const Json ended = to_json(world.record.finish()).at("steps");
    CHECK(ended == Json{step("stage", "repository", 0, 7.0), step("wait", "the network", 1, 2.0),
                        step("pause", "after a.b", 3, 3.0), step("place", "https://git.example.com/x.git", 6.5, 0.5),
                        step("stage", "puppet", 7, 4.0)});
}

TEST_CASE("each stage, attempt and wait is in the status at once") {
    RecordWorld world;
    world.fake.clock.advance(2s);
    world.record.begin_stage(Stage::repository, 5);
    CHECK(world.run().at("stage") == "repository");
    CHECK(world.run().at("attempts") == 5);
    CHECK(world.run().at("stage_started").at("monotonic_s") == 7.0);
    world.record.child_started({4242, 99});
    CHECK(world.run().at("child").at("pid") == 4242);
    world.record.retrying(transient_error("a.b", "what", "do"), 3s);
    CHECK(world.run().at("retry").at("delay_s") == 3.0);
    CHECK(world.run().at("retry").at("at").at("monotonic_s") == 10.0);
    CHECK(world.run().at("retry").at("error").at("code") == "a.b");
    CHECK(world.run().at("child").is_null());
    world.record.begin_attempt(2);
    CHECK(world.run().at("attempt") == 2);
    CHECK(world.run().at("retry").is_null());
    world.record.begin_stage(Stage::puppet, 3);
    CHECK(world.run().at("attempt") == 1);
    CHECK(world.run().at("attempts") == 3);
}

TEST_CASE("what a run waits for is in the status while it waits") {
    RecordWorld world;
    world.record.begin_stage(Stage::puppet, 3);
    CHECK(world.run().at("waiting").is_null());
    world.record.waiting("apt-get (process 812), which holds a lock", 10min);
    CHECK(world.run().at("waiting").at("for") == "apt-get (process 812), which holds a lock");
    CHECK(world.run().at("waiting").at("until").at("monotonic_s") == 605.0);
    CHECK(one_line(world.record.snapshot()) ==
          "puppet, attempt 1 of 3: waiting for apt-get (process 812), which holds a lock");
    world.fake.clock.advance(1s);
    world.record.waiting("apt-get (process 812), which holds a lock", 10min - 1s);
    CHECK(world.run().at("waiting").at("until").at("monotonic_s") == 605.0);
    world.record.waiting("", 0s);
    CHECK(world.run().at("waiting").is_null());
    world.record.waiting("something else", 1s);
    world.record.retrying(transient_error("a.b", "what", "do"), 3s);
    CHECK(world.run().at("waiting").is_null());
}

TEST_CASE("progress reaches the status at most once a second, and the report always") {
    RecordWorld world;
    world.record.progress("objects", 1, 9);
    CHECK(world.run().at("progress").at("done") == 1);
    world.record.progress("objects", 2, 9);
    CHECK(world.run().at("progress").at("done") == 1);
    CHECK(world.record.snapshot().progress->done == 2);
    world.fake.clock.advance(1s);
    world.record.progress("objects", 3, 9);
    CHECK(world.run().at("progress").at("done") == 3);
    CHECK(world.run().at("progress").at("total") == 9);
}

TEST_CASE("progress says since when it counts, anew for what is something else or begins again") {
    RecordWorld world;
    const auto since = [&] { return world.record.snapshot().progress->since.since_boot; };
    const auto start = world.fake.clock.now().since_boot;
    world.record.progress("objects", 1, 9);
    world.fake.clock.advance(5s);
    world.record.progress("objects", 2, 9);
    CHECK(since() == start);
    CHECK(world.run().at("progress").at("since").at("monotonic_s") == static_cast<double>(start.count()) / 1000);
    world.record.progress("files", 3, 9);
    CHECK(since() == start + 5s);
    world.fake.clock.advance(5s);
    world.record.progress("files", 1, 9);
    CHECK(since() == start + 10s);
}

TEST_CASE("what the stages found is in the status, without secrets") {
    RecordWorld world;
    world.record.instance({.platform = "ec2", .instance_id = "i-1", .user_data = "hunter2"});
    RoleConfig role{.role = "web"};
    role.repository = {.url = "https://user:hunter2@h/x", .revision = "main"};
    role.data = {{"k", "hunter2"}};
    role.facts = {{"k", "hunter2"}};
    role.schedule.interval = 30min;
    world.record.role(role);
    world.record.revision({"0123456789abcdef0123456789abcdef01234567", "/checkout"});
    CHECK(world.run().at("instance").at("id") == "i-1");
    CHECK(world.run().at("role") == "web");
    CHECK(world.run().at("revision") ==
          Json{{"asked", "main"}, {"resolved", "0123456789abcdef0123456789abcdef01234567"}});
    CHECK(world.fake.root.read("/run/bootwright/status.json").find("hunter2") == std::string::npos);
    CHECK(world.record.snapshot().interval == 30min);
}

TEST_CASE("who signed, the second repository and what each place said are in the status") {
    RecordWorld world;
    CHECK(world.run().at("signer").is_null());
    CHECK(world.run().at("configuration").is_null());
    CHECK(world.run().at("places") == Json::array());
    RoleConfig role{.role = "web"};
    role.configuration.url = "https://user:hunter2@h/c";
    role.configuration.revision = "main";
    world.record.role(role);
    CHECK(world.run().at("configuration") == Json{{"asked", "main"}, {"resolved", nullptr}});
    world.record.configuration({"0123456789abcdef0123456789abcdef01234567", "/configuration", "ben"});
    world.record.revision({"fedcba9876543210fedcba9876543210fedcba98", "/checkout", "ann@example.com"});
    world.record.place_answered({"https://a/x", "it is away", 1.5});
    world.record.place_answered({"https://b/x", "not now", 0.25, "modules/ntp", "repositories/data"});
    world.record.place_answered({"https://forge.example.com/x", "gave it", 0.25, "modules/ntp"});
    CHECK(world.run().at("signer") == "ann@example.com");
    CHECK(world.run().at("configuration") ==
          Json{{"asked", "main"}, {"resolved", "0123456789abcdef0123456789abcdef01234567"}});
    role.repositories = {{.name = "data", .url = "https://user:hunter2@h/d", .mirrors = {}, .revision = "v1"}};
    world.record.role(role);
    CHECK(world.run().at("repositories") == Json{{"data", {{"asked", "v1"}, {"resolved", nullptr}}}});
    world.record.repository("data", {"0123456789abcdef0123456789abcdef01234567", "/data", ""});
    CHECK(world.run().at("repositories").at("data").at("resolved") == "0123456789abcdef0123456789abcdef01234567");
    CHECK(
        world.run().at("places") ==
        Json{{{"place", "https://a/x"}, {"of", nullptr}, {"module", nullptr}, {"said", "it is away"}, {"took_s", 1.5}},
             {{"place", "https://b/x"},
              {"of", "repositories/data"},
              {"module", "modules/ntp"},
              {"said", "not now"},
              {"took_s", 0.25}}});
    CHECK(world.run().at("modules_from") == Json{{"forge.example.com", 1}});
    CHECK(world.fake.root.read("/run/bootwright/status.json").find("hunter2") == std::string::npos);
}

TEST_CASE("of what places said the last are kept, short and fit to be shown") {
    RecordWorld world;
    for (int i = 0; i < 25; ++i) {
        world.record.place_answered({"https://h/" + std::to_string(i), "a\nb" + std::string(1000, 'x'), 0});
    }
    const Json places = world.run().at("places");
    REQUIRE(places.size() == 20);
    CHECK(places.front().at("place") == "https://h/5");
    CHECK(places.back().at("place") == "https://h/24");
    const auto said = places.back().at("said").get<std::string>();
    CHECK(said.size() <= 510);
    CHECK(said.find('\n') == std::string::npos);
}

TEST_CASE("a heartbeat moves only the heartbeat") {
    RecordWorld world;
    Json before = world.run();
    world.fake.clock.advance(10s);
    world.record.beat();
    Json after = world.run();
    CHECK(after.at("heartbeat").at("monotonic_s") == 15.0);
    before.erase("heartbeat");
    after.erase("heartbeat");
    CHECK(before == after);
}

TEST_CASE("a status that cannot be written stops nothing, and is written again when it can be") {
    RecordWorld world;
    world.fake.root.remove("/run/bootwright");
    world.fake.root.write("/run/bootwright", "a file");
    CHECK_NOTHROW(world.record.begin_stage(Stage::puppet, 3));
    CHECK_NOTHROW(world.record.beat());
    CHECK(world.record.snapshot().stage == Stage::puppet);
    world.fake.root.remove("/run/bootwright");
    world.record.beat();
    CHECK(world.run().at("stage") == "puppet");
}

TEST_CASE("the thread that runs and the thread that beats may use one record") {
    RecordWorld world;
    std::thread worker([&] {
        for (int i = 1; i <= 40; ++i) {
            world.record.begin_stage(Stage::repository, i);
            world.record.progress("objects", static_cast<std::uint64_t>(i), 40);
        }
    });
    int torn = 0;
    for (int i = 0; i < 40; ++i) {
        world.record.beat();
        const RunReport report = world.record.snapshot();
        torn += report.progress && report.progress->total != 40 ? 1 : 0;
    }
    worker.join();
    CHECK(torn == 0);
    CHECK(world.record.snapshot().attempts == 40);
    CHECK(world.run().at("attempts") == 40);
}

TEST_CASE("an instance is ready from a good run on, until its checks are bad; other failures leave it so") {
    FakeSystem fake;
    const auto status = [&] { return StatusFile(fake.system).read(); };
    const HealthResult good{.checks = {{"unit a", true, "active", 0.1}}};
    const HealthResult bad{.checks = {{"unit a", false, "failed", 0.1}},
                           .error = transient_error("health.failed", "unit a: failed", "look")};
    CHECK(status().at("ready") == false);
    {
        RunRecord record(fake.system, 1);
        record.health({.checks = {{"unit a", false, "inactive", 0.1}}});
        CHECK(status().at("run").at("health") ==
              Json{{{"check", "unit a"}, {"ok", false}, {"said", "inactive"}, {"took_s", 0.1}}});
        record.health(good);
        CHECK(status().at("ready") == false);  // not before the run's end
        record.finish();
        CHECK(status().at("ready") == true);
    }
    {
        RunRecord record(fake.system, 2);
        record.error(transient_error("server.unreachable", "no route", "check"));
        record.finish();
        CHECK(status().at("ready") == true);
        CHECK(status().at("run").at("health") == Json::array());
    }
    RunRecord record(fake.system, 3);
    record.health(bad);
    record.error(*bad.error);
    CHECK(status().at("ready") == true);
    record.finish();
    CHECK(status().at("ready") == false);
    CHECK(status().at("configured").at("run") == 1);
}

TEST_CASE("what belongs to a moment of a run is gone with the next") {
    RecordWorld world;
    const auto is_gone = [&](std::initializer_list<const char*> keys) {
        return std::all_of(keys.begin(), keys.end(), [&](const char* key) { return world.run().at(key).is_null(); });
    };
    const auto fill = [&] {
        world.record.retrying(transient_error("a.b", "what", "do"), 3s);
        world.record.waiting("a lock", 1s);
        world.record.child_started({4242, 99});
        world.fake.clock.advance(1s);
        world.record.progress("objects", 1, 9);
        for (const char* key : {"retry", "waiting", "child", "progress"}) {
            CHECK_FALSE(is_gone({key}));
        }
    };
    fill();
    world.record.begin_attempt(1);  // a part of the stage that began
    CHECK_FALSE(is_gone({"retry"}));
    world.record.begin_attempt(2);
    CHECK(is_gone({"retry", "waiting", "progress"}));
    fill();
    world.record.begin_stage(Stage::puppet, 3);
    CHECK(is_gone({"retry", "waiting", "child", "progress"}));
    fill();
    world.record.finish();
    CHECK(is_gone({"retry", "waiting", "child", "progress"}));
}

TEST_CASE("a run that takes up another, or applies the last good revision instead, says so") {
    RecordWorld world;
    CHECK(world.run().at("resumes").is_null());
    world.record.resumes(1);
    CHECK(world.run().at("resumes") == 1);
    CHECK(world.run().at("instead").is_null());
    world.record.applied_instead(
        {.run = 41, .revision = "0123", .configuration = "", .puppet = {.outcome = Outcome::changed}});
    CHECK(world.run().at("instead").at("run") == 41);
    CHECK(world.run().at("instead").at("outcome") == "changed");
    CHECK(world.run().at("instead").at("configuration").is_null());
}

TEST_CASE("the beat of a run is the time at which it was last written, and who was told is kept with the time") {
    RecordWorld world;
    world.fake.clock.advance(7s);
    world.record.beat();
    CHECK(world.run().at("heartbeat").at("monotonic_s") == 12.0);
    CHECK(world.run().at("started").at("monotonic_s") == 5.0);
    world.fake.clock.advance(1s);
    world.record.announced({.to = "https://h/", .good = true, .was_taken = false, .said = "no"});
    CHECK(world.run().at("announced").at(0).at("at").at("monotonic_s") == 13.0);
    CHECK(world.run().at("announced").at(0).at("was_taken") == false);
    world.record.warning("odd");
    world.record.warning("odd");  // of a second attempt
    CHECK(world.run().at("warnings") == Json{"odd"});
}
