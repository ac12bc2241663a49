#include "agent/record/history.hpp"
#include "agent/record/past.hpp"
#include "common/base/encoding.hpp"
#include "common/base/error.hpp"
#include "common/documents/json.hpp"
#include "test/fakes/captured_output.hpp"
#include "test/fakes/errors.hpp"
#include "test/fakes/fake_system.hpp"
#include "test/fakes/printed.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

using namespace bootwright;

namespace {

/// Two good runs: the second has another port, another text of a file, and a package more.
struct TwoRuns {
    TwoRuns() {
        says({{"between", Json::object()}});
        remember(1, "a", R"({"config": {"facts": {"port": 80}}})",
                 R"({"resources": [{"type": "File", "title": "/m", "file": "m.pp", "line": 3,
                     "parameters": {"content": "one\ntwo\n", "mode": "0644"}}]})");
        remember(
            2, "b", R"({"config": {"facts": {"port": 81}}})",
            R"({"resources": [{"type": "Package", "title": "p", "file": "p.pp", "line": 4, "parameters": {"ensure": "1"}},
                     {"type": "File", "title": "/m", "file": "m.pp", "line": 3,
                      "parameters": {"content": "one\n2\u001b\n", "mode": "0600"}}]})");
    }

    void remember(int number, const char* digit, const std::string& role_config, const std::string& catalog) {
        const std::string folder = "/var/lib/bootwright/runs/00000" + std::to_string(number);
        fake.root.write(folder + "/role_config.json", role_config);
        fake.root.write(folder + "/facts/bootwright.json", R"({"role": "web"})");
        fake.root.write(folder + "/catalog.json.gz", compress_gzip(catalog));
        RunReport report;
        report.number = number;
        report.finished = report.started;
        report.revision_resolved = std::string(40, *digit);
        report.puppet.outcome = Outcome::changed;
        keep_report(fake.system, report);
        remember_runs(fake.system);
    }

    [[nodiscard]] std::string printed(const std::map<std::string, std::string>& given) const {
        return printed_by(fake.system, "diff", given);
    }

    /// What bootwright-fetch says of the two revisions.
    void says(const Json& between) { fake.processes.answer("bootwright-fetch", {.lines = {to_line(between)}}); }

    FakeSystem fake{};
};

}  // namespace

TEST_CASE("the difference of two runs: revision, role config, resources, text as a text diff") {
    TwoRuns machine;
    const std::string text = machine.printed({{"A", "1"}});
    const std::string body = text.substr(text.find('\n') + 1);
    CHECK(text.starts_with("from run 1 ("));
    CHECK(body == "  revision: " + std::string(40, 'a') + " -> " + std::string(40, 'b') +
                      "\n"
                      "  not compared: packages of run 1: not known\n"
                      "  not compared: packages of run 2: not known\n"
                      "commits: not known: their history is not on this machine; --deepen asks for it\n"
                      "files: not known: one of the two revisions is not on this machine any more\n"
                      "role config:\n"
                      "  facts.port: 80 -> 81\n"
                      "resources: 1 added, 1 changed, 0 removed\n"
                      "~ File[/m] (m.pp:3)\n"
                      "    content:\n"
                      "      @@\n"
                      "       one\n"
                      "      -two\n"
                      "      +2?\n"
                      "    mode: 0644 -> 0600\n"
                      "+ Package[p] (p.pp:4)\n"
                      "    ensure: 1\n");
    CHECK(machine.printed({{"A", "1"}, {"--stat", ""}}).ends_with("0 removed\n"));
    CHECK(machine.printed({{"A", "2"}, {"B", "1"}}).find("- Package[p]") != std::string::npos);
    CHECK(machine.printed({{"A", "1"}, {"B", "1"}}).find("0 added, 0 changed, 0 removed") != std::string::npos);
}

TEST_CASE("the difference for programs") {
    TwoRuns machine;
    const Json difference = Json::parse(machine.printed({{"A", "1"}, {"B", "2"}, {"--json", ""}}));
    CHECK(difference.at("from").at("run") == 1);
    CHECK(difference.at("to").at("run") == 2);
    CHECK(difference.at("role_config") == Json::parse(R"([{"name": "facts.port", "before": 80, "after": 81}])"));
    CHECK(difference.at("facts").empty());
    CHECK(difference.at("resources").size() == 2);
    CHECK(difference.at("packages").is_null());
    CHECK(difference.at("unknown") == Json{"packages of run 1: not known", "packages of run 2: not known"});
}

TEST_CASE("what is not kept any more is said, and what is kept is compared") {
    TwoRuns machine;
    machine.fake.root.remove("/var/lib/bootwright/past");
    const std::string text = machine.printed({{"A", "1"}});
    CHECK(text.find("  not compared: catalog of run 1: not kept any more\n") != std::string::npos);
    CHECK(text.find("  revision: ") != std::string::npos);
}

TEST_CASE("the packages that two runs do not share") {
    TwoRuns machine;
    const auto remember = [&](int number, const std::map<std::string, std::string>& packages) {
        std::string status;
        for (const auto& [name, version] : packages) {
            status +=
                "Package: " + name + "\nStatus: install ok installed\nArchitecture: all\nVersion: " + version + "\n\n";
        }
        machine.fake.root.write("/var/lib/dpkg/status", status);
        machine.remember(number, "b", R"({"config": {}})", R"({"resources": []})");
    };
    remember(3, {{"curl", "7.88.1-9"}, {"gone", "1"}, {"same", "1"}, {"tree", "2.1"}});
    remember(4, {{"added", "3"}, {"curl", "7.88.1-10"}, {"same", "1"}, {"tree", "2.0"}});
    const std::string counts = "packages: 1 up, 1 down, 1 new, 1 gone\n";
    const std::string text = machine.printed({{"A", "3"}});
    CHECK(text.find(counts +
                    "+ added 3\n~ curl 7.88.1-9 -> 7.88.1-10\n- gone was 1\n~ tree 2.1 -> 2.0 (older)\nresources: ") !=
          std::string::npos);
    CHECK(machine.printed({{"A", "3"}, {"--stat", ""}}).find(counts + "resources: ") != std::string::npos);
    CHECK(machine.printed({{"A", "4"}, {"B", "4"}}).find("packages: 0 up, 0 down, 0 new, 0 gone\n") !=
          std::string::npos);
    CHECK(machine.printed({{"A", "2"}, {"B", "4"}}).find("  not compared: packages of run 2: not known\n") !=
          std::string::npos);
    const Json difference = Json::parse(machine.printed({{"A", "3"}, {"--json", ""}}));
    CHECK(difference.at("packages").at(1) ==
          Json{{"package", "curl"}, {"change", "up"}, {"before", "7.88.1-9"}, {"after", "7.88.1-10"}});
    CHECK(difference.at("packages").at(0).at("before").is_null());
    CHECK(difference.at("unknown").empty());
    machine.fake.root.remove("/var/lib/bootwright/past");
    CHECK(machine.printed({{"A", "3"}}).find("  not compared: packages of run 3: not kept any more\n") !=
          std::string::npos);
}

TEST_CASE("runs that are not there are errors, and words that mean none") {
    TwoRuns machine;
    const auto difference = [&](const char* from, const char* to) {
        return run_command(machine.fake.system, "diff", {{"A", from}, {"B", to}});
    };
    CHECK(error_of([&] { return difference("3", "1"); }).code == "history.no_such_run");
    CHECK(error_of([&] { return difference("1", "last_good"); }).code == "history.no_such_run");
    CHECK(error_of([&] { return difference("1969-01-01", "1"); }).code == "history.no_such_run");
    CHECK(error_of([&] { return difference("no-such-branch", "1"); }).code == "history.no_such_run");
    CHECK(error_of([&] { return difference("99999999999999999999", "1"); }).code == "history.no_such_run");
    CHECK_THROWS_AS(difference("", "1"), UsageError);
}

TEST_CASE("commits, files and modules between two revisions") {
    TwoRuns machine;
    const std::string id(40, 'c');
    machine.says({{"between",
                   {{"has_commits", true},
                    {"added", {{{"id", id}, {"subject", "Mend it"}, {"author", "Ada"}, {"written", 1'795'176'187}}}},
                    {"added_count", 1},
                    {"removed", {{{"id", id}, {"subject", "Old"}, {"author", ""}, {"written", 0}}}},
                    {"removed_count", 60},
                    {"has_files", true},
                    {"files", {{{"change", "A"}, {"path", "data/new\x1b.yaml"}}}},
                    {"files_count", 1},
                    {"modules",
                     {{{"module", "modules/x"}, {"before", "1.0.0"}, {"after", "1.1.0"}},
                      {{"module", "modules/y"}, {"before", ""}, {"after", "2.0.0"}}}}}}});
    const std::string text = machine.printed({{"A", "1"}});
    CHECK(text.find("commits: 1 added, 60 removed\n"
                    "  + ccccccc Mend it (Ada, 2026-11-20)\n"
                    "  - ccccccc Old\n"
                    "  and 59 more\n"
                    "files: 1 changed\n"
                    "  A data/new?.yaml\n"
                    "modules:\n"
                    "  modules/x: 1.0.0 -> 1.1.0\n"
                    "  modules/y: new -> 2.0.0\n"
                    "role config:\n") != std::string::npos);
    const std::string few = machine.printed({{"A", "1"}, {"--stat", ""}});
    CHECK(few.find("commits: 1 added, 60 removed\nfiles: 1 changed\n") != std::string::npos);
    const Json json = Json::parse(machine.printed({{"A", "1"}, {"--json", ""}}));
    CHECK(json.at("commits").at("added").at(0).at("written") == "2026-11-20T12:03:07.000Z");
    CHECK(json.at("files").at("count") == 1);
    CHECK(json.at("modules").at(1).at("before").is_null());
}

TEST_CASE("a child that fails leaves commits and files unknown, and the rest is compared") {
    TwoRuns machine;
    machine.fake.processes.answer("bootwright-fetch",
                                  {.cannot_start = transient_error("process.cannot_start", "no memory", "wait")});
    const std::string text = machine.printed({{"A", "1"}});
    CHECK(text.find("  not compared: commits and files: no memory (process.cannot_start)\n") != std::string::npos);
    CHECK(text.find("+ Package[p]") != std::string::npos);
}

TEST_CASE("a revision stands for its last run") {
    TwoRuns machine;
    CHECK(machine.printed({{"A", std::string(40, 'a')}, {"B", "bbbbbbb"}}).starts_with("from run 1 ("));
}

TEST_CASE("a program learns from the exit status whether there are differences") {
    TwoRuns machine;
    const auto status = [&](const char* to) {
        const CapturedOutput output;
        return run_command(machine.fake.system, "diff", {{"A", "1"}, {"B", to}, {"--exit-code", ""}});
    };
    CHECK(status("2") == exit_would_change);
    CHECK(status("1") == exit_ok);
    machine.fake.root.remove("/var/lib/bootwright/past");
    CHECK(status("2") == exit_would_change);  // nobody knows
}

TEST_CASE("what stands for the second run is said once, and the first one has to be said") {
    TwoRuns machine;
    CHECK_THROWS_AS(run_command(machine.fake.system, "diff", {}), UsageError);
    CHECK_THROWS_AS(run_command(machine.fake.system, "diff", {{"A", "1"}, {"B", "2"}, {"--next", "main"}}), UsageError);
    CHECK_THROWS_AS(run_command(machine.fake.system, "diff", {{"--next", ""}}), UsageError);
}
