#include "agent/puppet/result/without_server.hpp"

#include "test/fakes/puppet_traces.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>

using namespace bootwright;
using namespace bootwright::reading_tests;

namespace {

LogEntry remark(const std::string& issue, int line) {
    return {.level = "warning", .message = "…", .source = "Puppet", .file = "a.pp", .line = line, .issue = issue};
}

}  // namespace

TEST_CASE("what Puppet remarks on exported resources becomes one warning of each kind, with the places") {
    const auto warnings = warnings_without_server(read_log(recorded("observed")));
    REQUIRE(warnings.size() == 2);
    CHECK(warnings[0].find("the exported resources (@@) of site-modules/role/manifests/truth.pp:11: ") !=
          std::string::npos);
    CHECK(warnings[1].find(
              "the collectors of exported resources (<<| |>>) of site-modules/role/manifests/truth.pp:12:") !=
          std::string::npos);
    CHECK(warnings_without_server(read_log(recorded("warning"))).empty());
}

TEST_CASE("a place of an exported resource is named once, and not more than twenty are") {
    std::vector<LogEntry> entries{remark("RT_NO_STORECONFIGS_EXPORT", 1), remark("RT_NO_STORECONFIGS_EXPORT", 1)};
    CHECK(warnings_without_server(entries).front().find(" of a.pp:1: ") != std::string::npos);
    for (int line = 2; line <= 23; ++line) {
        entries.push_back(remark("RT_NO_STORECONFIGS_EXPORT", line));
    }
    const auto warnings = warnings_without_server(entries);
    REQUIRE(warnings.size() == 1);
    CHECK(warnings[0].find("a.pp:20 and 3 more: ") != std::string::npos);
    CHECK(warnings[0].find("a.pp:21") == std::string::npos);
}

TEST_CASE("many exported resources leave room for other warnings, and are not said twice") {
    PuppetTraces traces = good();
    for (int line = 1; line <= 30; ++line) {
        traces.log += to_line({{"level", "warning"},
                               {"message", "You cannot collect exported resources"},
                               {"source", "Puppet"},
                               {"file", "a.pp"},
                               {"line", line},
                               {"issue_code", "RT_NO_STORECONFIGS"}}) +
                      "\n";
    }
    traces.log += log_line("warning", "something else");
    const auto warnings = read_puppet_result(traces).warnings;
    CHECK(mentions(warnings, "something else"));
    CHECK(std::count_if(warnings.begin(), warnings.end(), [](const std::string& warning) {
              return warning.find("exported resources") != std::string::npos;
          }) == 1);
}

TEST_CASE("a compile error that comes of PuppetDB's absence advises to do without") {
    PuppetTraces traces = recorded("compile_error");
    const std::string usual = read_puppet_result(traces).error->advice;
    for (const char* message :
         {"Evaluation Error: Unknown function: 'puppetdb_query'.", "Evaluation Error: Unknown function: 'query_nodes'.",
          "Evaluation Error: Error while evaluating a Function Call, cannot load such file -- puppet/util/puppetdb",
          "Failed to execute '/pdb/query/v4?query=x' on at least 1 of the following 'server_urls'"}) {
        traces.log = log_line("err", message);
        CHECK(read_puppet_result(traces).error->advice == advice_without_server);
    }
    traces.log = log_line("err", "Evaluation Error: Unknown function: 'query'.");
    CHECK(read_puppet_result(traces).error->advice == usual);
}
