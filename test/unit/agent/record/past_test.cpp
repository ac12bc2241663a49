#include "agent/record/past.hpp"

#include "agent/record/history.hpp"
#include "agent/record/past_contents.hpp"
#include "common/base/encoding.hpp"
#include "common/base/error.hpp"
#include "test/fakes/fake_system.hpp"

#include <catch2/catch_test_macros.hpp>

#include <filesystem>
#include <string>

using namespace bootwright;

namespace {

constexpr const char* history = "/var/lib/bootwright/history.jsonl";

std::string run_file(int number, const std::string& name) {
    return "/var/lib/bootwright/runs/00000" + std::to_string(number) + "/" + name;
}

/// A run of a day of March 2026.
RunReport report_of(int number, int day, bool good = true) {
    RunReport report;
    report.number = number;
    report.cause = RunCause::schedule;
    report.started.wall = std::chrono::sys_days(std::chrono::year(2026) / 3 / day) + std::chrono::hours(12);
    report.finished = Instant{report.started.wall + std::chrono::seconds(10), std::chrono::seconds(10)};
    report.role = "web";
    report.revision_resolved = std::string(40, 'a');
    if (!good) {
        report.error = transient_error("puppet.resources_failed", std::string(1000, 'x'), "mend it");
    }
    return report;
}

void remember(const FakeSystem& fake, int number, int day, bool good = true) {
    keep_report(fake.system, report_of(number, day, good));
    remember_runs(fake.system);
}

std::uint64_t number_of(const std::optional<Json>& line) { return line ? number_at(*line, "run") : 0; }

std::string name_in(const Json& line, const char* what) { return string_at(member_at(line, "kept"), what); }

}  // namespace

TEST_CASE("a run leaves a line, for root alone, that outlives its folder") {
    const FakeSystem fake;
    remember(fake, 1, 3);
    remember(fake, 2, 4, false);
    CHECK(fake.root.mode(history) == 0600);
    fake.root.remove("/var/lib/bootwright/runs");
    const Past past(fake.system);
    REQUIRE(past.size() == 2);
    const Json good = past.line(0);
    CHECK(good.at("schema") == 1);
    CHECK(good.at("cause") == Json{{"why", "schedule"}, {"by", nullptr}});
    CHECK(good.at("began") == "2026-03-03T12:00:00.000Z");
    CHECK(good.at("ended") == "2026-03-03T12:00:10.000Z");
    CHECK(good.at("good") == true);
    CHECK(good.at("revision") == std::string(40, 'a'));
    const Json bad = past.line(1);
    CHECK(bad.at("good") == false);
    CHECK(bad.at("error").at("code") == "puppet.resources_failed");
    CHECK(bad.at("error").at("message").get<std::string>().size() < 210);
    CHECK(past.is_bad(1));
    CHECK_FALSE(past.is_bad(0));
}

TEST_CASE("runs that no line was written for come with the next one: of an older agent, or one that was killed") {
    const FakeSystem fake;
    keep_report(fake.system, report_of(1, 3));
    fake.root.make_folder(run_file(2, ""));  // nothing more came of it
    remember(fake, 3, 4);
    const Past past(fake.system);
    REQUIRE(past.size() == 3);
    CHECK(past.line(1).at("outcome") == "cut_off");
    CHECK(past.line(1).at("good") == false);
    CHECK(number_of(past.run(3)) == 3);
    remember_runs(fake.system);
    CHECK(Past(fake.system).size() == 3);
}

TEST_CASE("numbers go on after the last that is remembered, also if the runs' folders are gone") {
    const FakeSystem fake;
    remember(fake, 7, 3);
    fake.root.remove("/var/lib/bootwright/runs");
    CHECK(next_run_number(fake.system) == 8);
}

TEST_CASE("the machine of a day is the last run that had ended by its end") {
    const FakeSystem fake;
    remember(fake, 1, 3);
    remember(fake, 2, 5);
    const Past past(fake.system);
    CHECK(number_of(past.at("2026-03-02")) == 0);
    CHECK(number_of(past.at("2026-03-03")) == 1);
    CHECK(number_of(past.at("2026-03-03T11:59")) == 0);
    CHECK(number_of(past.at("2026-03-03T12:00")) == 1);
    CHECK(number_of(past.at("2026-03-04")) == 1);
    CHECK(number_of(past.at("2027-01-01")) == 2);
    CHECK(past.since("2026-03-03") == 0);
    CHECK(past.since("2026-03-04") == 1);
    CHECK(past.since("2026-03-06") == 2);
}

TEST_CASE("a line that a power cut left half-written is lost, and no other") {
    const FakeSystem fake;
    remember(fake, 1, 3);
    const std::string whole = fake.root.read(history);
    fake.root.write(history, whole + whole.substr(0, whole.size() / 2), 0600);
    CHECK(Past(fake.system).size() == 1);
    remember(fake, 2, 4);
    CHECK(Past(fake.system).size() == 2);
    fake.root.write(history, "garbage\n\n[1]\n" + fake.root.read(history) + "{\"run\": \"x\"}\n", 0600);
    const Past past(fake.system);
    CHECK(number_of(past.at("2026-03-04")) == 2);
    CHECK(number_of(past.run(1)) == 1);
}

TEST_CASE("what no agent can know yet is passed over: lines of a later one are read") {
    const FakeSystem fake;
    fake.root.write(history, R"({"schema":2,"run":41,"weather":{"is":"good"},"began":17})"
                             "\n");
    CHECK(next_run_number(fake.system) == 42);
    CHECK(Past(fake.system).line(0).at("weather") == Json{{"is", "good"}});
    CHECK(number_of(Past(fake.system).at("2026-03-03")) == 0);
}

TEST_CASE("the oldest lines go when the file is too large") {
    const FakeSystem fake;
    remember(fake, 1, 3);
    const std::uint64_t line = fake.root.read(history).size();
    for (int number = 2; number <= 9; ++number) {
        keep_report(fake.system, report_of(number, 4));
    }
    remember_runs(fake.system, {.lines = 8 * line, .contents = 1 << 20U});
    const Past past(fake.system);
    CHECK(past.size() <= 6);
    CHECK(number_of(past.line(past.size() - 1)) == 9);
    CHECK(fake.root.mode(history) == 0600);
}

TEST_CASE("what a run went by is kept once, with digests in place of secrets") {
    const FakeSystem fake;
    fake.root.write(run_file(1, "role_config.json"),
                    R"({"config": {"data": {"db_password": "hunter2", "port": 80}, "role": "web"}})");
    fake.root.write(run_file(1, "facts/bootwright.json"), R"({"role": "web"})");
    remember(fake, 1, 3);
    fake.root.write(run_file(2, "role_config.json"),
                    R"({"config": {"data": {"db_password": "hunter2", "port": 80}, "role": "web"}})");
    remember(fake, 2, 4);
    fake.root.write(run_file(3, "role_config.json"),
                    R"({"config": {"data": {"db_password": "hunter3", "port": 80}, "role": "web"}})");
    remember(fake, 3, 5);
    const Past past(fake.system);
    const std::string first = name_in(past.line(0), "role_config");
    CHECK(name_in(past.line(1), "role_config") == first);
    CHECK(name_in(past.line(2), "role_config") != first);
    const auto kept = read_kept(fake.system, first);
    REQUIRE(kept);
    CHECK(kept->at("config").at("role") == "web");
    for (const char* name : {"db_password", "port"}) {
        CHECK(kept->at("config").at("data").at(name).get<std::string>().starts_with("digest:"));
    }
    CHECK(fake.root.mode("/var/lib/bootwright/past/" + first + ".json.gz") == 0600);
    CHECK(fake.root.mode("/var/lib/bootwright/past") == 0700);
    CHECK(read_kept(fake.system, name_in(past.line(0), "facts")) == Json{{"role", "web"}});

    const FakeSystem other;  // another machine has another salt
    other.root.write(run_file(1, "role_config.json"),
                     R"({"config": {"data": {"db_password": "hunter2", "port": 80}, "role": "web"}})");
    remember(other, 1, 3);
    CHECK(name_in(Past(other.system).line(0), "role_config") != first);
}

TEST_CASE("equal catalogs are one file with several names") {
    const FakeSystem fake;
    const std::string packed = compress_gzip(R"({"digest": "abc"})");
    for (const int number : {1, 2}) {
        fake.root.write(run_file(number, "catalog.json.gz"), packed, 0600);
        remember(fake, number, 3);
    }
    const std::string name = name_in(Past(fake.system).line(1), "catalog");
    CHECK(read_kept(fake.system, name) == Json{{"digest", "abc"}});
    CHECK(std::filesystem::hard_link_count(fake.root.path("/var/lib/bootwright/past/" + name + ".json.gz")) == 3);
    CHECK(fake.root.read(run_file(2, "catalog.json.gz")) == packed);
}

TEST_CASE("what was used longest ago goes when there is no room, and what nothing names") {
    const FakeSystem fake;
    for (const int number : {1, 2, 3}) {
        fake.root.write(run_file(number, "facts/bootwright.json"), R"({"n": )" + std::to_string(number) + "}");
        remember(fake, number, 3);
    }
    fake.root.write("/var/lib/bootwright/past/" + std::string(64, '0') + ".json.gz", "x");
    const std::uint64_t one = (kept_bytes(fake.system) - 1) / 3;
    remember_runs(fake.system, {.lines = 1 << 20U, .contents = one * 3});
    const Past past(fake.system);
    CHECK_FALSE(read_kept(fake.system, name_in(past.line(0), "facts")));
    CHECK(read_kept(fake.system, name_in(past.line(1), "facts")) == Json{{"n", 2}});
    CHECK(read_kept(fake.system, name_in(past.line(2), "facts")) == Json{{"n", 3}});
    CHECK(kept_bytes(fake.system) == 2 * one);
}

TEST_CASE("a damaged file of the past is no answer, and a name is no path") {
    const FakeSystem fake;
    fake.root.write(run_file(1, "facts/bootwright.json"), R"({"n": 1})");
    remember(fake, 1, 3);
    const std::string name = name_in(Past(fake.system).line(0), "facts");
    fake.root.write("/var/lib/bootwright/past/" + name + ".json.gz", compress_gzip(R"({"n": 2})"));
    CHECK_FALSE(read_kept(fake.system, name));
    CHECK_FALSE(read_kept(fake.system, "../runs/x"));
    CHECK_FALSE(read_kept(fake.system, ""));
}

TEST_CASE("a run that a lock stopped left the machine as it was") {
    const FakeSystem fake;
    CHECK_FALSE(Past(fake.system).last());
    remember(fake, 1, 3);
    RunReport stopped = report_of(2, 4, false);
    stopped.puppet.outcome = Outcome::locked;
    keep_report(fake.system, stopped);
    remember_runs(fake.system);
    const Past past(fake.system);
    CHECK(past.size() == 2);
    CHECK(number_of(past.at("2026-03-05")) == 1);
    CHECK(number_of(past.last()) == 1);
    CHECK_FALSE(past.is_bad(1));
    CHECK(past.run(2)->at("outcome") == "locked");
    RunReport tried_out = report_of(3, 5);
    tried_out.noop = true;
    keep_report(fake.system, tried_out);
    remember_runs(fake.system);
    CHECK(number_of(Past(fake.system).last()) == 1);
}

TEST_CASE("the last run of a revision is found by its id, the beginning of it, and the name that was asked for") {
    const FakeSystem fake;
    const auto remember_revision = [&](int number, const std::string& revision, const std::string& asked, bool noop) {
        RunReport report = report_of(number, number);
        report.revision_resolved = revision;
        report.revision_asked = asked;
        report.noop = noop;
        fake.root.write(run_file(number, "catalog.json.gz"), compress_gzip("{}"));
        keep_report(fake.system, report);
        remember_runs(fake.system);
    };
    const std::string a = "aaaa1" + std::string(35, '0');
    const std::string other_a = "aaaa2" + std::string(35, '0');
    const std::string b(40, 'b');
    remember_revision(1, a, a, false);
    remember_revision(2, b, "main", false);
    remember_revision(3, a, a, false);
    remember_revision(4, other_a, other_a, true);
    remember_revision(5, b, "topic", true);
    keep_report(fake.system, report_of(6, 6));  // without a catalog
    remember_runs(fake.system);
    const Past past(fake.system);
    CHECK(number_of(past.of_revision(a)) == 3);
    CHECK(number_of(past.of_revision("aaaa1")) == 3);
    CHECK(number_of(past.of_revision("aaaa2")) == 4);
    CHECK(number_of(past.of_revision("main")) == 2);
    CHECK(number_of(past.of_revision("topic")) == 5);
    CHECK(number_of(past.of_revision("bbbb")) == 2);  // what was applied goes before what was tried out
    CHECK_FALSE(past.of_revision("bbb"));
    CHECK_FALSE(past.of_revision(std::string(40, 'a')));
    CHECK_THROWS_AS(past.of_revision("aaaa"), Error);
}
