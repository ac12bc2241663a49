#include "agent/puppet/result/reading.hpp"

#include "common/documents/json.hpp"
#include "test/fakes/puppet_traces.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <algorithm>

using namespace bootwright;
using namespace bootwright::reading_tests;
using namespace std::chrono_literals;

TEST_CASE("out of memory is named") {
    PuppetTraces traces = good();
    traces.process = {.end = ProcessResult::End::killed_by_signal, .signal = 9, .out_of_memory = 1};
    PuppetResult result = read_puppet_result(traces);
    CHECK(result.outcome == Outcome::killed);
    REQUIRE(result.error);
    CHECK(result.error->code == "puppet.out_of_memory");
    CHECK(result.error->kind == ErrorKind::transient);

    // A child of Puppet's: the resource fails, and would not say why.
    traces = recorded("failed");
    traces.process.out_of_memory = 2;
    result = read_puppet_result(traces);
    CHECK(result.error->code == "puppet.resources_failed");
    CHECK(mentions(result.warnings, "killed 2 processes of this run for want of memory"));
    traces.process.out_of_memory = 0;
    CHECK_FALSE(mentions(read_puppet_result(traces).warnings, "memory"));
}

TEST_CASE("a Puppet that goes on without the agent has no result yet") {
    PuppetTraces traces = good();
    traces.process = {.end = ProcessResult::End::left};
    const PuppetResult result = read_puppet_result(traces);
    CHECK(result.outcome == Outcome::interrupted);
    REQUIRE(result.error);
    CHECK(result.error->code == "puppet.handed_over");
    CHECK(result.error->kind == ErrorKind::stopped);
}

TEST_CASE("what a real Puppet left is read for what it was") {
    struct Row {
        const char* name;
        bool noop;
        Outcome outcome;
        const char* code;  // "": good
        ErrorKind kind;
    };
    const Row row = GENERATE(values<Row>({
        {"changed", false, Outcome::changed, "", {}},
        {"unchanged", false, Outcome::unchanged, "", {}},
        {"unchanged", true, Outcome::unchanged, "", {}},
        {"warning", false, Outcome::changed, "", {}},
        {"malformed_fact", false, Outcome::unchanged, "", {}},
        {"changed_with_failures", false, Outcome::changed_with_failures, "puppet.resources_failed",
         ErrorKind::transient},
        {"failed", false, Outcome::failed, "puppet.resources_failed", ErrorKind::transient},
        {"failed_restart", false, Outcome::changed_with_failures, "puppet.resources_failed", ErrorKind::transient},
        {"titles", false, Outcome::failed, "puppet.resources_failed", ErrorKind::transient},
        {"secret", false, Outcome::failed, "puppet.resources_failed", ErrorKind::transient},
        {"compile_error", false, Outcome::compile_failed, "puppet.compile_failed", ErrorKind::permanent},
        {"syntax_error", false, Outcome::compile_failed, "puppet.compile_failed", ErrorKind::permanent},
        {"empty", false, Outcome::nothing_applied, "puppet.nothing_applied", ErrorKind::permanent},
        {"noop_drift", true, Outcome::noop_drift, "puppet.noop_drift", ErrorKind::permanent},
        {"disk_full_while_compiling", false, Outcome::failed, "puppet.run_failed", ErrorKind::transient},
        {"disk_full_at_report", false, Outcome::failed, "puppet.run_failed", ErrorKind::transient},
    }));
    CAPTURE(row.name);
    PuppetTraces traces = recorded(row.name);
    traces.noop = row.noop;
    const PuppetResult result = read_puppet_result(traces);
    CHECK(to_string(result.outcome) == to_string(row.outcome));
    CHECK((result.error ? result.error->code : "") == row.code);
    CHECK(meaning_of(result.outcome).is_good == !result.error);
    if (result.error) {
        CHECK(result.error->kind == row.kind);
        CHECK_FALSE(result.error->advice.empty());
    }
}

TEST_CASE("what was seen from within is more exact than the log") {
    const PuppetResult result = read_puppet_result(recorded("observed"));
    CHECK(result.outcome == Outcome::changed_with_failures);
    CHECK(result.version == "7.23.0");
    CHECK(result.catalog_digest.size() == 64);
    REQUIRE(result.failed_resources.size() == 2);
    CHECK(result.failed_resources[1].resource == "Exec[/bin/false]");
    CHECK(result.failed_resources[1].file == "site-modules/role/manifests/truth.pp");
    CHECK(result.failed_resources[1].line == 6);
    CHECK(result.failed_resources[1].message.find("returned 1 instead of one of [0]") != std::string::npos);
    REQUIRE_FALSE(result.slowest.empty());
    CHECK(result.slowest[0].what == "Exec[/bin/sleep 1.1]");
    CHECK(result.slowest[0].seconds > 1);
    REQUIRE(result.slow_facts.size() == 1);
    CHECK(result.slow_facts[0].what == "custom");
    CHECK(result.phases.size() == 3);
}

TEST_CASE("a key of data that nothing looked up is a warning, with what was probably meant") {
    PuppetTraces traces = recorded("observed");
    CHECK(mentions(read_puppet_result(traces).warnings,
                   "nothing looked up the key role::truth::prot of the role config's data; did you mean "
                   "\"role::truth::port\"?"));
    traces.observation = R"({"phase":"apply","unused_data":["zzz"],"looked_up":["role::truth::port"]})";
    CHECK(mentions(read_puppet_result(traces).warnings, "the key zzz of the role config's data"));
    CHECK_FALSE(mentions(read_puppet_result(traces).warnings, "did you mean"));
}

TEST_CASE("what could not be seen from within is said") {
    PuppetTraces traces = good();
    traces.observation = R"({"phase":"apply","problems":["Puppet has no X any more"]})";
    CHECK(mentions(read_puppet_result(traces).warnings, "not fully known: Puppet has no X any more"));
    traces.observation = GENERATE(as<std::optional<std::string>>(), std::nullopt, "", "{", "[]");
    const PuppetResult result = read_puppet_result(traces);
    CHECK(mentions(result.warnings, "Puppet was not seen from within"));
    CHECK(result.outcome == Outcome::changed);
    // One that was killed could not say it.
    traces.process = {.end = ProcessResult::End::killed_by_signal, .signal = 9};
    CHECK(read_puppet_result(traces).warnings.empty());
}

TEST_CASE("the version is known of a run that left no summary, too") {
    PuppetTraces traces = recorded("compile_error");
    traces.observation = R"({"puppet_version":"8.10.0","phase":"compile"})";
    CHECK(read_puppet_result(traces).version == "8.10.0");
}

TEST_CASE("no revision is blamed for what failed before Puppet compiled it") {
    PuppetTraces traces = recorded("compile_error");
    traces.observation = R"({"phase":"facts"})";
    const PuppetResult result = read_puppet_result(traces);
    CHECK(result.outcome == Outcome::failed);
    CHECK(result.error->code == "puppet.run_failed");
    CHECK(result.error->kind == ErrorKind::transient);
}

TEST_CASE("lost memory is told apart") {
    PuppetTraces traces = recorded("compile_error");
    traces.process.out_of_memory = 1;
    PuppetResult result = read_puppet_result(traces);
    CHECK(result.outcome == Outcome::failed);
    CHECK(result.error->code == "puppet.out_of_memory");
    traces.process = {.end = ProcessResult::End::killed_by_signal, .signal = 9, .out_of_memory = 1};
    result = read_puppet_result(traces);
    CHECK(result.outcome == Outcome::killed);
    CHECK(result.error->code == "puppet.out_of_memory");
    traces = recorded("compile_error");
    traces.log = log_line("err", "failed to allocate memory");
    CHECK(read_puppet_result(traces).error->code == "puppet.out_of_memory");
    traces = recorded("changed_with_failures");
    traces.process.out_of_memory = 1;
    result = read_puppet_result(traces);
    CHECK(result.outcome == Outcome::changed_with_failures);
    CHECK(result.error->message.ends_with("because memory ran out"));
}

TEST_CASE("a full disk before the catalog is compiled is not the repository's fault") {
    const PuppetResult result = read_puppet_result(recorded("disk_full_at_start"));
    REQUIRE(result.error);
    CHECK(result.error->kind == ErrorKind::transient);
    CHECK(result.error->code != "puppet.compile_failed");
}

TEST_CASE("a violent end is told, whatever Puppet had written before") {
    struct Row {
        ProcessResult process;
        Outcome outcome;
        const char* code;
        ErrorKind kind;
        const char* message;
    };
    using End = ProcessResult::End;
    const Row row = GENERATE(values<Row>({
        {{.end = End::timed_out, .duration = 30min},
         Outcome::timed_out,
         "puppet.timeout",
         ErrorKind::transient,
         "30 min"},
        {{.end = End::silent, .duration = 30min}, Outcome::timed_out, "puppet.timeout", ErrorKind::transient, "30 min"},
        {{.end = End::killed_by_signal, .signal = 9},
         Outcome::killed,
         "puppet.killed",
         ErrorKind::transient,
         "out of memory"},
        {{.end = End::killed_by_signal, .signal = 11},
         Outcome::killed,
         "puppet.killed",
         ErrorKind::transient,
         "signal 11"},
        {{.end = End::stopped, .signal = 15}, Outcome::interrupted, "stopped", ErrorKind::stopped, "told to stop"},
        {{.end = End::stopped, .exit_code = 1}, Outcome::interrupted, "stopped", ErrorKind::stopped, "told to stop"},
    }));
    CAPTURE(row.message);
    for (const char* name : {"changed", "unchanged", "compile_error", "failed"}) {
        PuppetTraces traces = recorded(name);
        traces.process = row.process;
        const PuppetResult result = read_puppet_result(traces);
        CHECK(result.outcome == row.outcome);
        REQUIRE(result.error);
        CHECK(result.error->code == row.code);
        CHECK(result.error->kind == row.kind);
        CHECK(result.error->message.find(row.message) != std::string::npos);
    }
}

TEST_CASE("a status as a shell gives it for a signal is no compile error") {
    // Where `puppet` is a wrapper script, a killed Puppet is seen as 128 and the signal's number.
    for (const int status : {137, 139, 143, 126, 127}) {
        CAPTURE(status);
        PuppetTraces traces = recorded("compile_error");
        traces.log.clear();
        traces.process.exit_code = status;
        const PuppetResult result = read_puppet_result(traces);
        CHECK(result.outcome != Outcome::compile_failed);
        CHECK(result.error->kind == ErrorKind::transient);
    }
}

TEST_CASE("every outcome has a name of its own") {
    std::vector<std::string> names;
    for (const Outcome outcome : {Outcome::not_reached, Outcome::unchanged, Outcome::changed, Outcome::failed,
                                  Outcome::changed_with_failures, Outcome::compile_failed, Outcome::nothing_applied,
                                  Outcome::noop_drift, Outcome::timed_out, Outcome::killed, Outcome::interrupted}) {
        CHECK(std::find(names.begin(), names.end(), to_string(outcome)) == names.end());
        names.emplace_back(to_string(outcome));
    }
    CHECK(std::find(names.begin(), names.end(), "unknown") == names.end());
}

TEST_CASE("the error of a run that failed is not a warning too") {
    const PuppetResult result = read_puppet_result(recorded("compile_error"));
    REQUIRE(result.error);
    for (const std::string& warning : result.warnings) {
        CHECK(result.error->message.find(warning) == std::string::npos);
    }
}

TEST_CASE("what a failed resource says at length is not repeated as a warning without a name") {
    const std::string reason = "'/bin/sh -c " + std::string(2000, 'x') + "' returned 1 instead of one of [0]";
    PuppetTraces traces = recorded("changed");
    traces.process.exit_code = 4;
    traces.log = to_line({{"level", "err"}, {"message", reason}, {"source", "Puppet"}}) + "\n";
    traces.observation = to_line(
        {{"phase", "apply"},
         {"failed", {{{"resource", "Exec[x]"}, {"messages", {"change from 'notrun' to ['0'] failed: " + reason}}}}}});
    const PuppetResult result = read_puppet_result(traces);
    CHECK(result.failed_resources.size() == 1);
    CHECK_FALSE(mentions(result.warnings, "returned 1"));
}
