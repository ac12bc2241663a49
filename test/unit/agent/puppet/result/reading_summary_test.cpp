// What the summary and the list of resources say.

#include "agent/puppet/result/reading.hpp"

#include "common/documents/json.hpp"
#include "common/files/file.hpp"
#include "test/fakes/puppet_traces.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

using namespace bootwright;
using namespace bootwright::reading_tests;

namespace {

std::string summary_with(const std::string& resources) {
    return "---\nversion:\n  puppet: 7.23.0\nresources:\n" + resources +
           "time:\n  last_run: 1795386310\nchanges:\n  total: 0\nevents:\n  failure: 0\n  success: 0\n  total: 0\n";
}

}  // namespace

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

TEST_CASE("what noop left as it is has its names, twenty at most, without what its files would become") {
    PuppetTraces traces = recorded("noop_drift");
    traces.noop = true;
    traces.folders = {"/checkout"};
    Json drifted = Json::array();
    for (int i = 0; i < 30; ++i) {
        drifted.push_back({{"resource", "File[/etc/" + std::to_string(i) + "]"},
                           {"file", "/checkout/manifests/site.pp"},
                           {"line", 7},
                           {"messages", {"content changed hunter2 to hunter3"}}});
    }
    traces.observation = to_line({{"failed", Json::array()}, {"noop", drifted}});
    const PuppetResult result = read_puppet_result(traces);
    CHECK(result.outcome == Outcome::noop_drift);
    REQUIRE(result.drifted_resources.size() == 20);
    CHECK(result.drifted_resources[0].resource == "File[/etc/0]");
    CHECK(result.drifted_resources[0].file == "manifests/site.pp");
    CHECK(result.drifted_resources[0].line == 7);
    CHECK(result.drifted_resources[0].message.empty());
}

TEST_CASE("a resource that the repository itself sets to noop leaves a good run") {
    CHECK(read_puppet_result(recorded("resource_noop")).outcome == Outcome::unchanged);
}
