#include "agent/record/history.hpp"
#include "agent/record/past.hpp"
#include "common/base/error.hpp"
#include "common/documents/json.hpp"
#include "test/fakes/errors.hpp"
#include "test/fakes/fake_system.hpp"
#include "test/fakes/printed.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

using namespace bootwright;

namespace {

/// A machine with a good run of 3 March 2026 and a bad one of the day after.
struct Remembered {
    Remembered() {
        fake.root.write("/var/lib/bootwright/runs/000001/role_config.json", R"({"config": {"facts": {"port": 80}}})");
        remember(1, 3);
        remember(2, 4);
    }

    void remember(int number, int day) {
        RunReport report;
        report.number = number;
        report.cause = number == 1 ? RunCause::schedule : RunCause::asked_for;
        report.asked_by = number == 1 ? "" : "alice on /dev/pts/0";
        report.started.wall = std::chrono::sys_days(std::chrono::year(2026) / 3 / day) + std::chrono::hours(12);
        report.finished = Instant{report.started.wall + std::chrono::seconds(10), std::chrono::seconds(10)};
        report.role = "web";
        report.revision_resolved = "0123456789abcdef0123456789abcdef01234567";
        report.puppet.outcome = number == 1 ? Outcome::changed : Outcome::failed;
        if (number != 1) {
            report.error = transient_error("puppet.resources_failed", "1 resource failed\x1b[2J", "mend it");
        }
        if (number == 2) {
            report.hooks = {{"before-run/drain", true, "exit status 0: drained", 0, std::chrono::milliseconds(1200)},
                            {"on-failure/page"}};
        }
        keep_report(fake.system, report);
        remember_runs(fake.system);
    }

    [[nodiscard]] std::string printed(const std::map<std::string, std::string>& given) const {
        return printed_by(fake.system, "history", given);
    }

    FakeSystem fake{};
};

}  // namespace

TEST_CASE("the history is a line for each run, the newest last, with what was wrong") {
    Remembered machine;
    CHECK(machine.printed({}) ==
          "1     2026-03-03 12:00  schedule   0123456789ab  changed                10.0 s\n"
          "2     2026-03-04 12:00  asked_for  0123456789ab  failed                 10.0 s\n"
          "      puppet.resources_failed: 1 resource failed?[2J\n");
    CHECK(machine.printed({{"--failed", ""}}).starts_with("2 "));
    CHECK(machine.printed({{"--last", "1"}}).starts_with("2 "));
    CHECK(machine.printed({{"--since", "2026-03-04"}}).starts_with("2 "));
    CHECK(machine.printed({{"--since", "2026-03-05"}}) == "no such run\n");
    CHECK(Json::parse(machine.printed({{"--json", ""}})).size() == 2);
}

TEST_CASE("what a later version has recorded is shown, and it is said that it may mean something else") {
    Remembered machine;
    CHECK(machine.printed({}).find("later version") == std::string::npos);
    const std::string path = "/var/lib/bootwright/history.jsonl";
    std::string lines = machine.fake.root.read(path);
    lines.replace(lines.rfind("\"schema\":1"), 10, "\"schema\":2,\"of later\":{}");
    machine.fake.root.write(path, lines);
    const std::string text = machine.printed({});
    CHECK(text.starts_with("1 "));
    CHECK(text.find("\n2 ") != std::string::npos);
    CHECK(text.find("1 run above: a later version of bootwright has recorded this") != std::string::npos);
    CHECK(machine.printed({{"--run", "2"}}).find("later version") != std::string::npos);
    CHECK(machine.printed({{"--run", "1"}}).find("later version") == std::string::npos);
    CHECK(Json::parse(machine.printed({{"--json", ""}})).back().at("schema") == 2);
    machine.remember(3, 5);  // and it goes on
    CHECK(machine.printed({{"--last", "1"}}).starts_with("3 "));
}

TEST_CASE("what the machine was at a time") {
    Remembered machine;
    const std::string text = machine.printed({{"--at", "2026-03-03"}});
    CHECK(text.starts_with("run 1: changed, good\n"));
    CHECK(text.find("    facts.port = 80\n") != std::string::npos);
    CHECK(text.find("  facts: not kept any more\n") != std::string::npos);
    CHECK(machine.printed({{"--run", "2"}}).find("asked_for, by alice on /dev/pts/0") != std::string::npos);
    const Json whole = Json::parse(machine.printed({{"--at", "2026-03-03T12:01"}, {"--json", ""}}));
    CHECK(whole.at("kept").at("role_config").at("config").at("facts").at("port") == 80);
}

TEST_CASE("a run has its hooks as long as it is kept whole") {
    Remembered machine;
    const std::string text = machine.printed({{"--run", "2"}});
    CHECK(text.find("  hook        before-run/drain, 1.2 s: exit status 0: drained\n") != std::string::npos);
    CHECK(text.find("  hook        on-failure/page: was cut off\n") != std::string::npos);
    machine.fake.root.remove("/var/lib/bootwright/runs/000002");
    CHECK(machine.printed({{"--run", "2"}}).find("hook") == std::string::npos);
    CHECK(Json::parse(machine.printed({{"--run", "2"}, {"--json", ""}})).at("hooks").is_null());
}

TEST_CASE("which packages the machine had: those of agent and Puppet by name, all of them if asked") {
    Remembered machine;
    CHECK(machine.printed({{"--run", "2"}, {"--packages", ""}}).find("  packages    not known\n") != std::string::npos);
    CHECK(Json::parse(machine.printed({{"--run", "2"}, {"--json", ""}})).at("kept").at("packages").is_null());
    std::string status;
    for (const char* package : {"bootwright", "curl", "puppet-agent", "ruby3.1", "ruby-json"}) {
        status += "Package: " + std::string(package) +
                  "\nStatus: install ok installed\nArchitecture: all\nVersion: 7.23.0-1\n\n";
    }
    machine.fake.root.write("/var/lib/dpkg/status", status);
    machine.remember(3, true);
    const std::string text = machine.printed({{"--run", "3"}});
    CHECK(text.find("  packages    5 (--packages lists them): bootwright 7.23.0-1, puppet-agent 7.23.0-1, ruby3.1 "
                    "7.23.0-1\n") != std::string::npos);
    CHECK(text.find("curl") == std::string::npos);
    CHECK(machine.printed({{"--run", "3"}, {"--packages", ""}})
              .find("  packages\n    bootwright = 7.23.0-1\n    curl = 7.23.0-1\n") != std::string::npos);
    const Json whole = Json::parse(machine.printed({{"--run", "3"}, {"--json", ""}}));
    CHECK(whole.at("kept").at("packages").at("curl") == "7.23.0-1");
    CHECK(whole.at("packages").at("count") == 5);
    machine.fake.root.remove("/var/lib/bootwright/past");
    CHECK(machine.printed({{"--run", "3"}, {"--packages", ""}}).find("  packages    5, not kept any more\n") !=
          std::string::npos);
    CHECK_THROWS_AS(run_command(machine.fake.system, "history", {{"--packages", ""}}), UsageError);
}

TEST_CASE("a time before the history, and a run that it lacks, are errors") {
    Remembered machine;
    const auto given = GENERATE(std::map<std::string, std::string>{{"--at", "2026-03-02"}},
                                std::map<std::string, std::string>{{"--run", "3"}});
    const Error error = error_of([&] { return run_command(machine.fake.system, "history", given); });
    CHECK(error.code == "history.no_such_run");
}

TEST_CASE("times and numbers that make no sense are told so") {
    Remembered machine;
    const auto given = GENERATE(
        std::map<std::string, std::string>{{"--at", "3 March"}},
        std::map<std::string, std::string>{{"--at", "2026-03"}},
        std::map<std::string, std::string>{{"--since", "2026-03-03T1"}},
        std::map<std::string, std::string>{{"--since", ""}}, std::map<std::string, std::string>{{"--run", "0"}},
        std::map<std::string, std::string>{{"--run", "2x"}}, std::map<std::string, std::string>{{"--last", "-1"}});
    CHECK_THROWS_AS(run_command(machine.fake.system, "history", given), UsageError);
}

TEST_CASE("a machine without a past has an empty history") {
    const FakeSystem fake;
    CHECK(printed_by(fake.system, "history") == "no such run\n");
}
