#include "agent/record/run_record.hpp"

#include "common/base/error.hpp"
#include "test/fakes/record_world.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>

using namespace bootwright;
using namespace std::chrono_literals;

TEST_CASE("a good end makes the instance configured") {
    RecordWorld world;
    world.record.role({.role = "web"});
    world.record.revision({"0123456789abcdef0123456789abcdef01234567", "/checkout"});
    world.record.puppet({.outcome = Outcome::changed});
    world.fake.clock.advance(12s);
    const RunReport report = world.record.finish();
    CHECK(report.is_good());
    CHECK(world.run().at("state") == "finished");
    CHECK(world.run().at("outcome") == "changed");
    CHECK(world.run().at("duration_s") == 12.0);
    CHECK(world.status().at("configured").at("run") == 42);
    CHECK(world.status().at("configured").at("role") == "web");
    CHECK(world.status().at("configured").at("revision") == "0123456789abcdef0123456789abcdef01234567");
    CHECK(world.status().at("configured").at("at").at("monotonic_s") == 17.0);
}

TEST_CASE("a bad end leaves what was configured before") {
    RecordWorld world;
    world.record.finish();
    RunRecord second(world.fake.system, 43);
    CHECK(world.status().at("configured").at("run") == 42);
    second.begin_stage(Stage::role, 1);
    second.error(permanent_error("role.invalid", "what", "do"));
    CHECK_FALSE(second.finish().is_good());
    CHECK(world.run().at("number") == 43);
    CHECK(world.run().at("outcome") == "not_reached");
    CHECK(world.run().at("error").at("stage") == "role");
    CHECK(world.run().at("error").at("kind") == "permanent");
    CHECK(world.status().at("configured").at("run") == 42);
}

TEST_CASE("the status says that a run is over once its report is kept") {
    RecordWorld world;
    world.record.puppet({.outcome = Outcome::changed});
    std::string kept;
    const RunReport report = world.record.finish([&](const RunReport& ended) {
        world.record.beat();
        CHECK(world.run().at("state") == "running");
        CHECK(ended.is_good());
        kept = to_text(to_json(ended));
    });
    CHECK(world.run().at("state") == "finished");
    CHECK(kept == to_text(to_json(report)));
}

TEST_CASE("a warning while the report is kept is in the status too") {
    RecordWorld world;
    world.record.finish([&](const RunReport&) { world.record.warning("the disk is full"); });
    CHECK(world.run().at("warnings").at(0) == "the disk is full");
    CHECK(world.run().at("state") == "finished");
}

TEST_CASE("a run that was stopped is interrupted, whatever Puppet had come to") {
    RecordWorld world;
    world.record.puppet({.outcome = Outcome::failed});
    world.record.error(stopped_error());
    CHECK(world.record.finish().puppet.outcome == Outcome::interrupted);
    CHECK(world.run().at("outcome") == "interrupted");
}

TEST_CASE("an end forgets what was under way") {
    RecordWorld world;
    world.record.child_started({4242, 99});
    world.record.progress("objects", 1, 9);
    world.record.retrying(transient_error("a.b", "c", "d"), 1s);
    world.record.finish();
    for (const char* key : {"child", "progress", "retry"}) {
        CHECK(world.run().at(key).is_null());
    }
}

TEST_CASE("a warning after the end is in the status too") {
    RecordWorld world;
    world.record.finish();
    world.record.warning("the disk is full");
    CHECK(world.run().at("warnings").at(0) == "the disk is full");
    CHECK(world.run().at("state") == "finished");
}
