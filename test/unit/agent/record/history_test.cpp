#include "agent/record/history.hpp"

#include "common/base/error.hpp"
#include "test/fakes/fake_system.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;

namespace {

RunReport good_report(int number) {
    RunReport report;
    report.number = number;
    report.finished = Instant{};
    report.role = "web";
    report.revision_resolved = "0123456789abcdef0123456789abcdef01234567";
    report.puppet.outcome = Outcome::changed;
    return report;
}

}  // namespace

TEST_CASE("runs are numbered from one, each after the highest on disk") {
    const FakeSystem fake;
    CHECK(next_run_number(fake.system) == 1);
    fake.root.make_folder("/var/lib/bootwright/runs");
    CHECK(next_run_number(fake.system) == 1);
    fake.root.make_folder("/var/lib/bootwright/runs/000001");
    CHECK(next_run_number(fake.system) == 2);
    fake.root.make_folder("/var/lib/bootwright/runs/000041");
    fake.root.make_folder("/var/lib/bootwright/runs/notes");
    fake.root.make_folder("/var/lib/bootwright/runs/99x");
    fake.root.make_folder("/var/lib/bootwright/runs/.000099");
    fake.root.make_folder("/var/lib/bootwright/runs/99999999999999999999");
    CHECK(next_run_number(fake.system) == 42);
    fake.root.make_folder("/var/lib/bootwright/runs/1000000");
    CHECK(next_run_number(fake.system) == 1000001);
}

TEST_CASE("the highest number there is does not wrap around") {
    const FakeSystem fake;
    fake.root.make_folder("/var/lib/bootwright/runs/2147483647");
    CHECK(next_run_number(fake.system) > 0);
}

TEST_CASE("a run's folder has six digits, or as many as it needs") {
    const FakeSystem fake;
    CHECK(run_folder(fake.system, 42).filename() == "000042");
    CHECK(run_folder(fake.system, 1234567).filename() == "1234567");
    CHECK(run_folder(fake.system, 42).parent_path() == fake.system.state() / "runs");
}

TEST_CASE("the role config of a run is kept for root alone") {
    const FakeSystem fake;
    RoleConfig role{.role = "web"};
    role.data = {{"password", "hunter2"}};
    role.repository.url = "https://user:token@h/x";
    keep_role_config(fake.system, 7, role);
    const std::string file = "/var/lib/bootwright/runs/000007/role_config.json";
    CHECK(fake.root.mode(file) == 0600);
    CHECK(fake.root.mode("/var/lib/bootwright/runs/000007") == 0700);
    const Json kept = Json::parse(fake.root.read(file));
    CHECK(kept.at("config").at("data").at("password") == "hunter2");
    CHECK(kept.at("config").at("repository").at("url") == "https://h/x");
}

TEST_CASE("a finished run is kept, for root alone") {
    const FakeSystem fake;
    keep_report(fake.system, good_report(7));
    CHECK(fake.root.mode("/var/lib/bootwright/runs/000007/report.json") == 0600);
    CHECK(Json::parse(fake.root.read("/var/lib/bootwright/runs/000007/report.json")).at("outcome") == "changed");
}

TEST_CASE("the last good run is kept with all that it went by, for root alone") {
    const FakeSystem fake;
    CHECK_FALSE(read_last_good(fake.system));
    keep_report(fake.system, good_report(7));
    const std::string revision = "0123456789abcdef0123456789abcdef01234567";
    const InstanceMetadata instance{.platform = "ec2",
                                    .instance_id = "i-1",
                                    .user_data = "{\"data\": {\"password\": \"hunter2\"}}",
                                    .user_data_origin = "user-data"};
    RoleConfig role;
    role.role = "web";
    keep_last_good(fake.system, {7, revision, "", name_of(role), instance, {{"data", revision}}});
    const auto good = read_last_good(fake.system);
    REQUIRE(good);
    CHECK(good->run == 7);
    CHECK(good->revision == revision);
    CHECK(good->configuration.empty());
    CHECK(good->role_config == name_of(role));
    CHECK(good->instance.user_data == instance.user_data);
    CHECK(good->repositories == Revisions{{"data", revision}});
    CHECK(fake.root.mode("/var/lib/bootwright/last_good.json") == 0600);
}

TEST_CASE("role configs have names that tell them apart") {
    RoleConfig one;
    RoleConfig other;
    one.role = "web";
    other.role = "web";
    CHECK(name_of(one) == name_of(other));
    other.data["a"] = 1;
    CHECK(name_of(one) != name_of(other));
}

TEST_CASE("a damaged memory of the last good run protects nothing and breaks nothing") {
    const FakeSystem fake;
    for (const char* text :
         {"", "{", "[]", R"({"revision": 5})", R"({"revision": "0123456789abcdef0123456789abcdef01234567"})",
          R"({"revision": "../x", "instance": {"platform": "a", "id": "b", "tags": {},
                                 "addresses": [], "user_data": null}})"}) {
        CAPTURE(text);
        fake.root.write("/var/lib/bootwright/last_good.json", text);
        CHECK_FALSE(read_last_good(fake.system));
    }
}

TEST_CASE("all but the newest runs are pruned") {
    const FakeSystem fake;
    for (int number = 1; number <= 12; ++number) {
        keep_report(fake.system, good_report(number));
    }
    fake.root.write("/var/lib/bootwright/runs/notes/file", "x");
    prune_history(fake.system, 3);
    for (int number = 1; number <= 12; ++number) {
        CHECK(std::filesystem::exists(run_folder(fake.system, number)) == (number > 9));
    }
    CHECK(fake.root.exists("/var/lib/bootwright/runs/notes/file"));
    prune_history(fake.system, 100);
    CHECK(std::filesystem::exists(run_folder(fake.system, 10)));
}

TEST_CASE("what Puppet said in older runs goes when the records hold too many bytes, and their reports stay") {
    const FakeSystem fake;
    const auto file = [](int number, const char* name) {
        return "/var/lib/bootwright/runs/00000" + std::to_string(number) + "/" + name;
    };
    for (int number = 1; number <= 4; ++number) {
        keep_report(fake.system, good_report(number));
        fake.root.write(file(number, "role_config.json"), "{}");
        fake.root.write(file(number, "puppet.jsonl"), std::string(100'000, 'x'));
    }
    prune_history(fake.system, 100, 350'000);
    for (int number = 1; number <= 4; ++number) {
        CAPTURE(number);
        CHECK(fake.root.exists(file(number, "report.json")));
        CHECK(fake.root.exists(file(number, "role_config.json")));
        CHECK(fake.root.exists(file(number, "puppet.jsonl")) == (number > 1));
    }
    prune_history(fake.system, 100, 1);
    CHECK(fake.root.exists(file(4, "puppet.jsonl")));  // the newest
    CHECK_FALSE(fake.root.exists(file(3, "puppet.jsonl")));
    CHECK(fake.root.exists(file(1, "report.json")));
    // What was said of the last good revision, applied in place of another, counts too.
    fake.root.write(file(3, "last_good/puppet.jsonl"), std::string(400'000, 'x'));
    prune_history(fake.system, 100, 450'000);
    CHECK_FALSE(fake.root.exists(file(3, "last_good/puppet.jsonl")));
}

TEST_CASE("pruning where nothing has run does nothing") {
    const FakeSystem fake;
    CHECK_NOTHROW(prune_history(fake.system, 1));
}

TEST_CASE("a history that cannot be written is an error") {
    const FakeSystem fake;
    fake.root.write("/var/lib/bootwright/runs", "a file");
    CHECK_THROWS_AS(keep_report(fake.system, good_report(1)), Error);
    CHECK_THROWS_AS(keep_role_config(fake.system, 1, {}), Error);
}

TEST_CASE("what is larger than anything the agent writes is no memory of a good run") {
    const FakeSystem fake;
    fake.root.make_folder("/var/lib/bootwright");
    const std::string revision = "0123456789abcdef0123456789abcdef01234567";
    keep_last_good(fake.system, {7, revision, "", "", {.platform = "ec2", .instance_id = "i-1"}});
    const std::string kept = fake.root.read("/var/lib/bootwright/last_good.json");
    const std::size_t largest = std::size_t{8} << 20U;
    fake.root.write("/var/lib/bootwright/last_good.json", std::string(largest - kept.size(), ' ') + kept);
    CHECK(read_last_good(fake.system));
    fake.root.write("/var/lib/bootwright/last_good.json", std::string(largest + 2 - kept.size(), ' ') + kept);
    CHECK_FALSE(read_last_good(fake.system));
}

TEST_CASE("the highest number that a run may have is the last that counts") {
    const FakeSystem fake;
    fake.root.make_folder("/var/lib/bootwright/runs/999999999");
    CHECK(next_run_number(fake.system) == 1000000000);
    fake.root.make_folder("/var/lib/bootwright/runs/1000000000");
    CHECK(next_run_number(fake.system) == 1000000000);
}
