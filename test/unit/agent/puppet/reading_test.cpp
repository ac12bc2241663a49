#include "agent/puppet/reading.hpp"

#include "common/base/encoding.hpp"
#include "common/base/text.hpp"
#include "common/documents/json.hpp"
#include "common/files/file.hpp"
#include "test/fakes/fixtures.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <algorithm>
#include <charconv>

using namespace bootwright;
using namespace std::chrono_literals;

namespace {

constexpr const char* checkout = "/var/lib/bootwright/checkout/0123456789abcdef0123456789abcdef01234567";

std::optional<std::string> fixture_if_exists(const std::string& name) {
    return read_file_if_exists(fixture_path(name), std::size_t{1} << 20U);
}

/// What a real Puppet 7.23 left: test/fixtures/puppet/NAME.
PuppetTraces recorded(const std::string& name) {
    const std::string folder = "puppet/" + name + "/";
    PuppetTraces traces{
        .process = {.duration = 12s},
        .summary = fixture_if_exists(folder + "last_run_summary.yaml"),
        .resources = fixture_if_exists(folder + "resources.txt"),
        .log = fixture(folder + "puppet.jsonl"),
        .observation = fixture_if_exists(folder + "observation.json").value_or("{\"phase\":\"compile\"}"),
        .output = fixture_if_exists(folder + "output").value_or(""),
        .checkout = checkout};
    const std::string status = fixture(folder + "exit_status");
    std::from_chars(status.data(), status.data() + status.size(), traces.process.exit_code);
    return traces;
}

/// A run that changed two resources, to be altered.
PuppetTraces good() { return recorded("changed"); }

std::string summary_with(const std::string& resources) {
    return "---\nversion:\n  puppet: 7.23.0\nresources:\n" + resources +
           "time:\n  last_run: 1795386310\nchanges:\n  total: 0\nevents:\n  failure: 0\n  success: 0\n  total: 0\n";
}

std::string log_line(const std::string& level, const std::string& message, const std::string& source = "Puppet") {
    return to_line({{"level", level}, {"message", message}, {"source", source}}) + "\n";
}

bool mentions(const std::vector<std::string>& texts, const std::string& part) {
    return std::any_of(texts.begin(), texts.end(),
                       [&](const std::string& text) { return text.find(part) != std::string::npos; });
}

}  // namespace

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

TEST_CASE("exported resources that are ignored, and where, are a warning") {
    CHECK(mentions(read_puppet_result(recorded("observed")).warnings,
                   "the export is ignored (file: site-modules/role/manifests/truth.pp, line: 11)"));
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

TEST_CASE("no secret is in what was seen from within") {
    PuppetTraces traces = good();
    traces.redactor.add("hunter2-secret");
    traces.observation =
        R"({"phase":"apply","failed":[{"resource":"Exec[hunter2-secret]","messages":["hunter2-secret"]}],)"
        R"("slowest":[{"resource":"Exec[hunter2-secret]","seconds":1}],"problems":["hunter2-secret"]})";
    const PuppetResult result = read_puppet_result(traces);
    REQUIRE(result.failed_resources.size() == 1);
    CHECK(result.failed_resources[0].resource == "Exec[[redacted]]");
    CHECK(result.failed_resources[0].message == "[redacted]");
    REQUIRE(result.slowest.size() == 1);
    CHECK(result.slowest[0].what == "Exec[[redacted]]");
    CHECK_FALSE(mentions(result.warnings, "hunter2"));
}

TEST_CASE("a full disk before the catalog is compiled is not the repository's fault") {
    const PuppetResult result = read_puppet_result(recorded("disk_full_at_start"));
    REQUIRE(result.error);
    CHECK(result.error->kind == ErrorKind::transient);
    CHECK(result.error->code != "puppet.compile_failed");
}

TEST_CASE("numbers and versions come from the summary") {
    const PuppetResult result = read_puppet_result(recorded("changed_with_failures"));
    REQUIRE(result.resources);
    CHECK(result.resources->total == 10);
    CHECK(result.resources->changed == 1);
    CHECK(result.resources->failed == 1);
    CHECK(result.resources->skipped == 1);
    CHECK(result.resources->out_of_sync == 2);
    CHECK(result.version == "7.23.0");
}

TEST_CASE("a resource that failed to restart is one failed resource") {
    // Puppet counts it as failed and as failed_to_restart.
    const PuppetResult result = read_puppet_result(recorded("failed_restart"));
    REQUIRE(result.resources);
    CHECK(result.resources->failed == 1);
    REQUIRE(result.failed_resources.size() == 1);
    CHECK(result.failed_resources[0].resource == "Exec[again]");
    CHECK(result.failed_resources[0].message.find("Failed to call refresh") == 0);
    CHECK(result.error->message.starts_with("1 of 9 resources failed: Exec[again]"));
}

TEST_CASE("a resource that only failed to restart is failed too") {
    PuppetTraces traces = good();
    traces.process.exit_code = 4;
    traces.summary = summary_with("  failed: 0\n  failed_to_restart: 1\n  changed: 0\n  total: 9\n");
    CHECK(read_puppet_result(traces).outcome == Outcome::failed);
    CHECK(read_puppet_result(traces).resources->failed == 1);
}

TEST_CASE("failed resources are named with message, file and line") {
    const PuppetResult result = read_puppet_result(recorded("failed"));
    REQUIRE(result.failed_resources.size() == 2);
    CHECK(result.failed_resources[0].resource == "File[/srv/missing/folder/x]");
    CHECK(result.failed_resources[0].file == "manifests/site.pp");
    CHECK(result.failed_resources[0].line == 1);
    CHECK(result.failed_resources[0].message.find("No such file or directory") != std::string::npos);
    CHECK(result.failed_resources[1].resource == "Exec[/bin/sh -c \"echo line one; echo line two; exit 3\"]");
    CHECK(result.failed_resources[1].line == 2);
    CHECK(result.failed_resources[1].message.find("returned 3 instead of one of [0]") != std::string::npos);
    CHECK(result.error->message.starts_with("2 of 9 resources failed: File[/srv/missing/folder/x], Exec["));
}

TEST_CASE("a resource's title may hold slashes and brackets") {
    const PuppetResult result = read_puppet_result(recorded("titles"));
    REQUIRE(result.failed_resources.size() == 2);
    CHECK(result.failed_resources[0].resource == "Exec[/usr/bin/test -e /srv/Data[1]/x]");
    CHECK(result.failed_resources[1].resource == "File[/srv/no/where/Data[1].conf]");
}

TEST_CASE("the failed resource is the last one of its path") {
    struct Row {
        const char* source;
        const char* resource;
    };
    const Row row = GENERATE(values<Row>({
        {"/Stage[main]/Main/File[/etc/motd]/content", "File[/etc/motd]"},
        {"/Stage[main]/Profile::Web/Nginx::Site[default]/File[/etc/nginx/sites/default]/ensure",
         "File[/etc/nginx/sites/default]"},
        {"/Stage[main]/Main/Exec[again]", "Exec[again]"},
        {"/Stage[main]/Main/Notify[]/message", "Notify[]"},
        {"/Stage[main]/Role::Web/Profile::Db::User[a/b c]/Exec[x]/returns", "Exec[x]"},
        {"/Stage[main]/Main/Exec[echo a > /tmp/b]/returns", "Exec[echo a > /tmp/b]"},
        {"/Stage[main]/Main/File[/srv/a[b]/c]/mode", "File[/srv/a[b]/c]"},
        {"/File[/tmp/x]/ensure", "File[/tmp/x]"},
        {"/Stage[main]", "Stage[main]"},
    }));
    PuppetTraces traces = recorded("changed_with_failures");
    traces.log = log_line("err", "it failed", row.source);
    const PuppetResult result = read_puppet_result(traces);
    REQUIRE(result.failed_resources.size() == 1);
    CHECK(result.failed_resources[0].resource == row.resource);
}

TEST_CASE("exit status and summary together give the outcome") {
    struct Row {
        int status;
        const char* resources;
        Outcome outcome;
        const char* code;
    };
    const Row row = GENERATE(values<Row>({
        {0, "  total: 9\n  changed: 0\n  failed: 0\n", Outcome::unchanged, ""},
        {0, "  total: 9\n  changed: 0\n  failed: 2\n", Outcome::failed, "puppet.resources_failed"},
        {0, "  total: 9\n  changed: 3\n  failed: 2\n", Outcome::changed_with_failures, "puppet.resources_failed"},
        {2, "  total: 9\n  changed: 3\n  failed: 0\n", Outcome::changed, ""},
        {2, "  total: 9\n  changed: 0\n  failed: 0\n", Outcome::changed, ""},
        {4, "  total: 9\n  changed: 0\n  failed: 1\n", Outcome::failed, "puppet.resources_failed"},
        {4, "  total: 9\n  changed: 0\n  failed: 0\n", Outcome::failed, "puppet.resources_failed"},
        {4, "  total: 9\n  changed: 2\n  failed: 1\n", Outcome::changed_with_failures, "puppet.resources_failed"},
        {6, "  total: 9\n  changed: 1\n  failed: 1\n", Outcome::changed_with_failures, "puppet.resources_failed"},
        {6, "  total: 9\n  changed: 0\n  failed: 0\n", Outcome::changed_with_failures, "puppet.resources_failed"},
        {1, "  total: 9\n  changed: 1\n  failed: 0\n", Outcome::failed, "puppet.run_failed"},
        {7, "  total: 9\n  changed: 1\n  failed: 0\n", Outcome::failed, "puppet.run_failed"},
        {255, "  total: 9\n  changed: 1\n  failed: 0\n", Outcome::failed, "puppet.run_failed"},
    }));
    CAPTURE(row.status, row.resources);
    PuppetTraces traces = good();
    traces.process.exit_code = row.status;
    traces.summary = summary_with(row.resources);
    const PuppetResult result = read_puppet_result(traces);
    CHECK(to_string(result.outcome) == to_string(row.outcome));
    CHECK((result.error ? result.error->code : "") == row.code);
    CHECK(meaning_of(result.outcome).is_good == !result.error);
}

TEST_CASE("success without a complete summary of this run is no success") {
    const int status = GENERATE(0, 2);
    const char* summary =
        GENERATE("", "---\n", "--- {", "rubbish", "[]", "---\nversion:\n  puppet: 7.23.0\nresources:\n",
                 "---\nresources: 7\n", "---\nresources:\n  changed: 1\n  failed: 0\n");
    CAPTURE(status, summary);
    PuppetTraces traces = good();
    traces.process.exit_code = status;
    traces.summary = summary;
    const PuppetResult result = read_puppet_result(traces);
    CHECK(result.outcome == Outcome::failed);
    REQUIRE(result.error);
    CHECK(result.error->code == "puppet.no_summary");
    CHECK(result.error->kind == ErrorKind::transient);
    traces.summary.reset();
    CHECK(read_puppet_result(traces).error->code == "puppet.no_summary");
}

TEST_CASE("a summary that is cut anywhere is refused, or says the same") {
    const PuppetTraces whole = good();
    for (std::size_t length = 0; length < whole.summary->size(); ++length) {
        PuppetTraces traces = whole;
        traces.summary = whole.summary->substr(0, length);
        const PuppetResult result = read_puppet_result(traces);
        CAPTURE(length);
        const bool is_refused = result.error && result.error->code == "puppet.no_summary";
        CHECK((is_refused || (result.resources && result.resources->total == 9 && result.resources->changed == 2)));
    }
}

TEST_CASE("a summary cut within its numbers is refused") {
    PuppetTraces traces = good();
    traces.summary = "---\nresources:\n  changed: 0\n  failed: 0\n  total: 8";  // of 82
    CHECK(read_puppet_result(traces).error);
}

TEST_CASE("numbers that make no sense do no harm") {
    PuppetTraces traces = good();
    traces.process.exit_code = 0;
    traces.summary = summary_with("  total: many\n  changed: -1\n  failed: ~\n  out_of_sync: [1]\n");
    CHECK(read_puppet_result(traces).resources->total == 0);
    traces.summary = summary_with("  total: 99999999999999999999\n  changed: 1e9\n  failed: 18446744073709551616\n");
    CHECK(read_puppet_result(traces).resources->failed == 0);
}

TEST_CASE("an empty catalog is no success, whatever its summary says") {
    PuppetTraces traces = recorded("unchanged");
    for (const std::optional<std::string>& resources :
         {std::optional<std::string>("\n"), std::optional<std::string>(""), std::optional<std::string>()}) {
        traces.resources = resources;
        CHECK(read_puppet_result(traces).outcome == Outcome::nothing_applied);
    }
}

TEST_CASE("noop that found differences is told, and noop without any is unchanged") {
    PuppetTraces traces = recorded("noop_drift");
    traces.noop = true;
    CHECK(read_puppet_result(traces).error->message.starts_with("1 resource out of sync, and noop changed nothing"));
    traces.process.exit_code = 2;  // what a hook or another version may give
    CHECK(read_puppet_result(traces).outcome == Outcome::noop_drift);
    traces = recorded("changed");
    traces.noop = true;
    CHECK(read_puppet_result(traces).outcome == Outcome::changed);  // by resources that say `noop => false`
}

TEST_CASE("a resource that the repository itself sets to noop leaves a good run") {
    CHECK(read_puppet_result(recorded("resource_noop")).outcome == Outcome::unchanged);
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

TEST_CASE("a compile error says what is wrong and where, without the checkout's long path") {
    const PuppetResult result = read_puppet_result(recorded("compile_error"));
    CHECK(result.error->message.find("Could not find class ::no_such_class") != std::string::npos);
    CHECK(result.error->message.find("manifests/site.pp") != std::string::npos);
    CHECK(result.error->message.find("line: 1") != std::string::npos);
    CHECK(result.error->message.find("/var/lib/bootwright") == std::string::npos);
    CHECK_FALSE(result.resources);
    CHECK(result.failed_resources.empty());
}

TEST_CASE("an error without a line names no line zero") {
    const PuppetResult result = read_puppet_result(recorded("syntax_error"));
    CHECK(result.error->message.find("Syntax error at end of input") != std::string::npos);
    CHECK(result.error->message.find("line: 0") == std::string::npos);
}

TEST_CASE("what Puppet wrote before its log was open is the reason, if there is no other") {
    PuppetTraces traces = recorded("compile_error");
    traces.log.clear();
    traces.output = "  cannot load such file -- puppet (LoadError)\n";
    CHECK(read_puppet_result(traces).error->message.find("cannot load such file") != std::string::npos);
    traces.output.clear();
    CHECK(read_puppet_result(traces).error->message.find("it gave no reason") != std::string::npos);
    traces.log = log_line("err", "Fact trouble", "Facter");
    CHECK(read_puppet_result(traces).error->message.find("Fact trouble") == std::string::npos);
}

TEST_CASE("Puppet's warnings, and errors of no resource, are warnings of the run") {
    const PuppetResult warned = read_puppet_result(recorded("warning"));
    CHECK(mentions(warned.warnings, "something odd"));
    const PuppetResult fact = read_puppet_result(recorded("malformed_fact"));
    CHECK(mentions(fact.warnings, "Facter: Failed to handle"));
    CHECK(mentions(fact.warnings, "bootwright.json"));
    CHECK_FALSE(mentions(read_puppet_result(recorded("changed_with_failures")).warnings, "Skipping because of failed"));
    CHECK(read_puppet_result(recorded("unchanged")).warnings.empty());
}

TEST_CASE("the error of a failed resource is not repeated as a warning") {
    // Puppet logs it twice or more: by itself, and for the resource.
    for (const char* name : {"changed_with_failures", "failed", "titles", "secret"}) {
        CAPTURE(name);
        CHECK(read_puppet_result(recorded(name)).warnings.empty());
    }
}

TEST_CASE("the same warning is listed once, and not more than twenty are") {
    PuppetTraces traces = good();
    traces.log.clear();
    for (int i = 0; i < 100; ++i) {
        traces.log += log_line("warning", "warning " + std::to_string(i / 2));
    }
    CHECK(read_puppet_result(traces).warnings.size() == 20);
    traces.process.exit_code = 6;
    for (int i = 0; i < 100; ++i) {
        traces.log += log_line("err", "failed", "/Stage[main]/Main/Exec[" + std::to_string(i / 2) + "]/returns");
    }
    CHECK(read_puppet_result(traces).failed_resources.size() == 20);
}

TEST_CASE("a log of any bytes is read as far as it goes") {
    PuppetTraces traces = recorded("changed_with_failures");
    const std::string whole = traces.log;
    for (const std::string& log :
         {std::string(), std::string("\n\n\n"),
          std::string("rubbish\n[]\n7\nnull\n\"x\"\n{}\n{\"level\": 1}\n{\"level\":\"err\"}\n"),
          std::string("\0\xff\xfe\n", 4), whole.substr(0, whole.size() / 2), std::string(5000, '[') + "\n" + whole,
          std::string("{\"level\":\"err\",\"message\":[],\"source\":{},\"file\":1,\"line\":\"x\"}\n"),
          std::string("{\"level\":\"err\",\"message\":\"m\",\"source\":\"/S[x]\",\"line\":99999999999999999999}\n")}) {
        traces.log = log;
        CHECK(read_puppet_result(traces).outcome == Outcome::changed_with_failures);
    }
}

TEST_CASE("no secret of the role config's data is in any text") {
    PuppetTraces traces = recorded("secret");
    traces.redactor.add("hunter2-secret");
    traces.log += log_line("warning", "hunter2-secret is weak, hunter2-secret!");
    PuppetResult result = read_puppet_result(traces);
    const auto all = [](const PuppetResult& read) {
        std::string text = joined(read.warnings, "\n") + (read.error ? read.error->message + read.error->advice : "");
        for (const FailedResource& failed : read.failed_resources) {
            text += failed.resource + failed.message + failed.file;
        }
        return text;
    };
    CHECK(all(result).find("hunter2-secret") == std::string::npos);
    CHECK(all(result).find("[redacted]") != std::string::npos);

    traces = recorded("compile_error");
    traces.redactor.add("hunter2-secret");
    traces.log.clear();
    traces.output = "cannot parse hunter2-secret";
    result = read_puppet_result(traces);
    CHECK(all(result).find("hunter2-secret") == std::string::npos);
}

TEST_CASE(
    "what code of the control repository may write as a version, a digest or a key is shown without secrets, too") {
    PuppetTraces traces = good();
    traces.redactor.add("hunter2-secret");
    traces.summary->replace(traces.summary->find("puppet: 7.23.0"), 14, "puppet: hunter2-secret");
    CHECK(read_puppet_result(traces).version == "[redacted]");
    traces.observation = to_line({{"puppet_version", "7 hunter2-secret"},
                                  {"catalog_digest", "hunter2-secret " + std::string(100'000, 'x')},
                                  {"unused_data", {"hunter2-secret1"}},
                                  {"looked_up", {"hunter2-secret"}}});
    const PuppetResult result = read_puppet_result(traces);
    CHECK(result.version == "7 [redacted]");
    CHECK(result.catalog_digest.starts_with("[redacted] x"));
    CHECK(result.catalog_digest.size() < 1000);
    CHECK(mentions(result.warnings, "did you mean \"[redacted]\"?"));
}

TEST_CASE("a secret that begins like another one is cut out whole") {
    PuppetTraces traces = good();
    for (const char* secret : {"secret", "secret-and-more", "more-and-rest"}) {
        traces.redactor.add(secret);
    }
    traces.log = log_line("warning", "it is secret-and-more and more-and-rest");
    const PuppetResult result = read_puppet_result(traces);
    CHECK_FALSE(mentions(result.warnings, "more"));
}

TEST_CASE("a secret is cut out as Ruby and JSON write it, too") {
    PuppetTraces traces = good();
    traces.redactor.add("line one\nline two");
    traces.redactor.add("quote\"backslash\\end");
    traces.log = log_line("warning", R"(got "line one\nline two" and "quote\"backslash\\end")");
    const PuppetResult result = read_puppet_result(traces);
    CHECK_FALSE(mentions(result.warnings, "line two"));
    CHECK_FALSE(mentions(result.warnings, "backslash"));
}

TEST_CASE("a secret at the place where a message is cut does not show its beginning") {
    PuppetTraces traces = good();
    traces.redactor.add("hunter2-secret");
    traces.log = log_line("warning", std::string(495, 'x') + "hunter2-secret");
    CHECK_FALSE(mentions(read_puppet_result(traces).warnings, "hunt"));
}

TEST_CASE("a long message is cut, and stays text") {
    PuppetTraces traces = good();
    for (std::size_t shift = 0; shift < 4; ++shift) {
        std::string message(shift, 'x');
        for (int i = 0; i < 1000; ++i) {
            message += "ü€";
        }
        traces.log = log_line("warning", message);
        const PuppetResult result = read_puppet_result(traces);
        REQUIRE(result.warnings.size() == 1);
        CHECK(result.warnings[0].size() < 600);
        CHECK(is_text(result.warnings[0]));
        CHECK(result.warnings[0].find("…") != std::string::npos);
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
