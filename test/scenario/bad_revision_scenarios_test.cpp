// A revision that fails on a machine: it is named, given up, and tried again once there is a reason to; on_failure says
// whether the last good one is applied instead.

#include "test/scenario/scenario.hpp"

#include "agent/record/history.hpp"
#include "agent/record/status_file.hpp"
#include "agent/run/run.hpp"
#include "common/files/file.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;

namespace {

constexpr const char* newer_revision = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

std::string newer_role_config(const std::string& more = "") {
    std::string text = role_config(more);
    return text.replace(text.find(pinned_revision), std::string(pinned_revision).size(), newer_revision);
}

constexpr const char* back_to_last_good = R"(, "puppet": {"on_failure": "last_good"})";

/// A machine that was good at the pinned revision, and is to be at a newer one now.
class NewerRevision : public Play {
public:
    explicit NewerRevision(const std::string& more = "") : Play(row_) {
        REQUIRE(run().is_good());
        machine.http.answer(user_data, newer_role_config(more));
        machine.processes.answer("bootwright-fetch", fetch_of(newer_revision));
    }
    /// What Puppet makes of the newer one, and then of the old one, in each run.
    void puppet(const std::vector<Script>& newer, const std::vector<Script>& old = {}) {
        std::vector<Script> scripts = newer;
        scripts.insert(scripts.end(), old.begin(), old.end());
        machine.processes.answer("apply", scripts);
        if (!old.empty()) {
            machine.processes.answer("bootwright-fetch", {fetch_of(newer_revision), fetch_of(pinned_revision)});
        }
    }
    [[nodiscard]] std::vector<std::string> applied() const {
        std::vector<std::string> revisions;
        for (const ProcessRequest& request : machine.processes.started("apply")) {
            revisions.push_back(option_of(request, "config_version").substr(std::string("/bin/echo ").size()));
        }
        return revisions;
    }
    [[nodiscard]] Json status() const { return StatusFile(machine.system).read(); }

private:
    inline static const Scenario row_{.name = "newer"};
};

using PushedRevisions = std::vector<std::string>;

}  // namespace

TEST_CASE("a revision that does not compile is named, and not tried again as long as nothing changes") {
    NewerRevision stage;
    stage.puppet({recorded_puppet("compile_error")});
    CHECK(stage.run().puppet.outcome == Outcome::compile_failed);
    const Json bad = stage.status().at("run").at("bad");
    CHECK(bad.at("revision") == newer_revision);
    CHECK(bad.at("given_up") == true);
    CHECK(bad.at("run") == 2);
    CHECK(bad.at("error").at("code") == "puppet.compile_failed");

    const RunReport again = stage.run();
    CHECK(stage.applied() == PushedRevisions{pinned_revision, newer_revision});
    REQUIRE(again.error);
    CHECK(again.error->code == "puppet.given_up");
    CHECK(again.error->kind == ErrorKind::permanent);
    CHECK(again.error->message.find("in run 2") != std::string::npos);
    CHECK(again.error->message.find("does not compile") != std::string::npos);
    CHECK(again.stage == Stage::puppet);
    CHECK(stage.status().at("run").at("bad").at("run") == 2);
    CHECK(stage.status().at("configured").at("revision") == pinned_revision);
    CHECK(stage.machine.root.mode("/var/lib/bootwright/bad_revisions.json") == 0600);
    check_no_secret(stage);
}

TEST_CASE(
    "what is given up is tried again when the revision, the role config or the facts change, or an operator asks") {
    NewerRevision stage;
    stage.puppet({recorded_puppet("compile_error")});
    stage.run();
    const auto tries = [&] {
        const std::size_t before = stage.applied().size();
        stage.run();
        return stage.applied().size() > before;
    };
    CHECK_FALSE(tries());
    SECTION("another revision") {
        const std::string other(40, 'b');
        std::string text = role_config();
        text.replace(text.find(pinned_revision), other.size(), other);
        stage.machine.http.answer(user_data, text);
        stage.machine.processes.answer("bootwright-fetch", fetch_of(other));
        CHECK(tries());
    }
    SECTION("the role config") {
        stage.machine.http.answer(user_data, newer_role_config(R"(, "facts": {"datacenter": "eu"})"));
        CHECK(tries());
    }
    SECTION("the instance's metadata, which are facts") {
        stage.machine.http.answer("GET /latest/meta-data/local-hostname", "renamed.ec2.internal");
        CHECK(tries());
    }
    SECTION("an upgraded system") {
        stage.machine.root.write("/etc/os-release", "VERSION_ID=13\n");
        CHECK(tries());
    }
    SECTION("a fact that somebody has put there") {
        stage.machine.root.write("/etc/facter/facts.d/x.txt", "x=1\n");
        CHECK(tries());
    }
    SECTION("a reboot") {
        stage.machine.root.write("/proc/sys/kernel/random/boot_id", "b0071d00-0000-4000-8000-000000000002\n");
        CHECK(tries());
    }
    SECTION("an operator") {
        CHECK(stage.run(RunCause::asked_for).puppet.outcome == Outcome::compile_failed);
        CHECK(stage.status().at("run").at("bad").at("failures") == 2);
    }
    SECTION("an operator, after the cause is gone: from then on it is tried by plan again") {
        stage.puppet({recorded_puppet("changed")});
        CHECK(stage.run(RunCause::asked_for).is_good());
        CHECK(tries());
        CHECK(stage.status().at("run").at("bad").is_null());
    }
}

TEST_CASE("a revision that failed twice to apply is given up where there is one to go back to") {
    NewerRevision stage;
    stage.puppet({recorded_puppet("changed_with_failures")});
    const RunReport report = stage.run();
    CHECK(report.attempt == 2);
    CHECK(report.error->code == "puppet.resources_failed");
    CHECK(report.error->kind == ErrorKind::permanent);
    CHECK(report.puppet.outcome == Outcome::changed_with_failures);
    CHECK(report.bad.value().failures == 2);
    CHECK(stage.run().error->code == "puppet.given_up");
    CHECK(stage.applied() == PushedRevisions{pinned_revision, newer_revision, newer_revision});
}

TEST_CASE("a machine that was never good goes on trying a revision whose resources fail") {
    const Scenario row{.name = "first", .puppet = {recorded_puppet("failed")}};
    Play stage(row);
    CHECK(stage.run().error->kind == ErrorKind::transient);
    const RunReport again = stage.run();
    CHECK(again.error->code == "puppet.resources_failed");
    CHECK(again.bad.value().failures == 6);
    CHECK_FALSE(again.bad->is_given_up);
}

TEST_CASE("failures that are not the revision's do not count against it") {
    NewerRevision stage;
    stage.puppet({ends({.exit_code = 2})});  // a full disk
    const RunReport report = stage.run();
    CHECK(report.error->code == "puppet.no_summary");
    CHECK_FALSE(report.bad);
}

TEST_CASE("on_failure last_good: the last good revision is applied again, and the run is not good") {
    NewerRevision stage(back_to_last_good);
    stage.puppet({recorded_puppet("compile_error")}, {recorded_puppet("unchanged")});
    const RunReport report = stage.run();
    CHECK(stage.applied() == PushedRevisions{pinned_revision, newer_revision, pinned_revision});
    CHECK_FALSE(report.is_good());
    CHECK(report.error->code == "puppet.compile_failed");
    CHECK(report.puppet.outcome == Outcome::compile_failed);
    CHECK(report.revision_resolved == newer_revision);
    CHECK(report.stage == Stage::puppet);
    REQUIRE(report.instead);
    CHECK(report.instead->run == 1);
    CHECK(report.instead->revision == pinned_revision);
    CHECK(report.instead->puppet.outcome == Outcome::unchanged);
    const Json status = stage.status();
    CHECK(status.at("run").at("instead").at("revision") == pinned_revision);
    CHECK(status.at("run").at("instead").at("outcome") == "unchanged");
    CHECK(status.at("configured").at("run") == 1);
    CHECK(read_last_good(stage.machine.system).value().run == 1);
    // Puppet's traces of both are there.
    CHECK(stage.machine.root.exists("/var/lib/bootwright/runs/000002/puppet.jsonl"));
    CHECK(stage.machine.root.exists("/var/lib/bootwright/runs/000002/last_good/puppet.jsonl"));
    check_no_secret(stage);

    // Each later run converges to it again, and does not touch the bad one.
    stage.puppet({}, {recorded_puppet("changed")});
    const RunReport later = stage.run();
    CHECK(later.error->code == "puppet.given_up");
    CHECK(later.instead.value().puppet.outcome == Outcome::changed);
    CHECK(stage.applied() == PushedRevisions{pinned_revision, newer_revision, pinned_revision, pinned_revision});
}

TEST_CASE("on_failure last_good: the last good revision comes with the role config of then") {
    NewerRevision stage;
    stage.machine.http.answer(user_data,
                              role_config(R"(, "facts": {"x": "new"}, "puppet": {"on_failure": "last_good"})"));
    stage.machine.processes.answer("bootwright-fetch", fetch_of(pinned_revision));
    std::vector<std::string> facts;
    const auto noted = [&](const char* traces) {
        Script script = recorded_puppet(traces);
        script.work = [&facts, work = script.work](const ProcessRequest& request) {
            facts.push_back(
                read_file_if_exists(option_of(request, "pluginfactdest") + "/bootwright.json", 65536).value());
            work(request);
        };
        return script;
    };
    stage.machine.processes.answer("apply", {noted("compile_error"), noted("unchanged")});
    CHECK(stage.run().instead.value().puppet.outcome == Outcome::unchanged);
    REQUIRE(facts.size() == 2);
    CHECK(facts[0].find("\"x\"") != std::string::npos);
    CHECK(facts[1].find("\"x\"") == std::string::npos);
}

TEST_CASE("on_failure last_good: a last good revision that fails too is told besides") {
    NewerRevision stage(back_to_last_good);
    stage.puppet({recorded_puppet("compile_error")}, {recorded_puppet("failed")});
    const RunReport report = stage.run();
    CHECK(report.error->code == "puppet.compile_failed");
    CHECK(report.instead.value().puppet.error.value().code == "puppet.resources_failed");
}

TEST_CASE("on_failure last_good: one that is no longer to be had is told besides") {
    NewerRevision stage(back_to_last_good);
    stage.puppet({recorded_puppet("compile_error")});
    stage.machine.processes.answer(
        "bootwright-fetch",
        {fetch_of(newer_revision), fetch_error(permanent_error("git.revision_not_found", "what", "do"))});
    const RunReport report = stage.run();
    CHECK(report.error->code == "puppet.compile_failed");
    CHECK(report.instead.value().puppet.error.value().code == "git.revision_not_found");
    CHECK(report.instead->puppet.outcome == Outcome::not_reached);
}

TEST_CASE("on_failure last_good: where the last good run was of the very same, there is nothing else to apply") {
    const Scenario row{.name = "same", .served_user_data = role_config(back_to_last_good)};
    Play stage(row);
    REQUIRE(stage.run().is_good());
    stage.machine.processes.answer("apply", recorded_puppet("failed"));
    const RunReport report = stage.run();
    CHECK(report.error->kind == ErrorKind::transient);
    CHECK(report.attempt == 3);
    CHECK_FALSE(report.instead);
}

TEST_CASE("on_failure last_good: a stop in its midst is a stop") {
    NewerRevision stage(back_to_last_good);
    stage.puppet({recorded_puppet("compile_error")}, {{.work = [&](const ProcessRequest&) { stage.request_stop(); }}});
    const RunReport report = stage.run();
    CHECK(report.error->kind == ErrorKind::stopped);
    CHECK(report.puppet.outcome == Outcome::interrupted);
}

TEST_CASE("a memory of bad revisions that is damaged, or cannot be kept, changes nothing about the run") {
    NewerRevision stage;
    stage.puppet({recorded_puppet("compile_error")});
    for (const char* text : {"", "{", "[1, {}]", R"([{"inputs": 1}])"}) {
        stage.machine.root.write("/var/lib/bootwright/bad_revisions.json", text);
        CHECK(stage.run(RunCause::asked_for).error->code == "puppet.compile_failed");
    }
    stage.machine.root.remove("/var/lib/bootwright/bad_revisions.json");
    stage.machine.root.write("/var/lib/bootwright/bad_revisions.json/in-the-way", "");
    const RunReport report = stage.run();
    CHECK(report.error->code == "puppet.compile_failed");
    REQUIRE_FALSE(report.warnings.empty());
    CHECK(report.warnings.back().find("is not kept") != std::string::npos);
}
