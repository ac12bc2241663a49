#include "agent/puppet/result/puppet_log.hpp"

#include "common/documents/json.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;

namespace {

constexpr const char* generation = "Failed to generate additional resources using 'generate': no source";

/// A run of three resources that came to its end with status 0. @param observed what was seen of it besides, null: nothing
PuppetTraces run_of_three(const std::string& resources, const std::vector<Json>& log, const Json& observed) {
    PuppetTraces traces{.summary = "---\nversion:\n  puppet: 7.23.0\nresources:\n  total: 3\n" + resources +
                                   "time:\n  total: 1.0\nchanges:\n  total: 0\nevents:\n  total: 0\n",
                        .resources = "file[/etc/motd]\n",
                        .folders = {"/checkout"}};
    for (const Json& line : log) {
        traces.log += to_line(line) + "\n";
    }
    if (!observed.is_null()) {
        traces.observation = to_text(observed);
    }
    return traces;
}

Json line(const std::string& level, const std::string& source, const std::string& message) {
    return {{"level", level}, {"source", source}, {"message", message}, {"file", "/x/site.pp"}, {"line", 7}};
}

}  // namespace

TEST_CASE("a resource that could not generate what it stands for has failed, though Puppet says nothing of it") {
    const std::vector<Json> log{line("err", "/Stage[main]/Main/Concat_file[/etc/x]", generation)};
    const Json seen{{"phase", "apply"}, {"failed", Json::array()}, {"failed_to_generate", true}};
    for (const Json& observed : {seen, Json()}) {
        const PuppetResult result = read_puppet_result(run_of_three("  failed: 0\n", log, observed));
        CHECK(result.outcome == Outcome::failed);
        REQUIRE(result.error);
        CHECK(result.error->code == "puppet.resources_failed");
        CHECK(result.error->message == "1 of 3 resources failed: Concat_file[/etc/x]");
        CHECK(result.resources->failed == 1);
        REQUIRE(result.failed_resources.size() == 1);
        CHECK(result.failed_resources[0].message == generation);
        CHECK(result.failed_resources[0].line == 7);
    }
    // Beside another failure it does not vanish.
    const Json other{{"phase", "apply"},
                     {"failed", {{{"resource", "Exec[x]"}, {"messages", {"change from 'notrun'"}}}}},
                     {"failed_to_generate", true}};
    const PuppetResult both = read_puppet_result(run_of_three("  failed: 1\n", log, other));
    CHECK(both.error->message == "2 of 3 resources failed: Exec[x], Concat_file[/etc/x]");
    // A report that knows of it while the log does not name it.
    const PuppetResult nameless = read_puppet_result(run_of_three("  failed: 0\n", {}, seen));
    CHECK(nameless.outcome == Outcome::failed);
}

TEST_CASE("a log level is no verdict: what a good run logs as an error is a warning") {
    const std::vector<Json> log{line("err", "/Stage[main]/Main/File[/etc/x]/ensure", "defined content as 'x'")};
    const Json seen{{"phase", "apply"}, {"failed", Json::array()}};
    const PuppetResult result = read_puppet_result(run_of_three("  changed: 1\n  failed: 0\n", log, seen));
    CHECK(result.outcome == Outcome::changed);
    CHECK(result.failed_resources.empty());
    REQUIRE(result.warnings.size() == 1);
    CHECK(result.warnings[0].find("defined content as 'x' (file: /x/site.pp, line: 7)") != std::string::npos);
}

TEST_CASE("where the report does not say why a resource failed, the log does") {
    const std::vector<Json> log{
        line("err", "/Stage[main]/Main/Package[x]", "Provider pacman is not functional on this host"),
        line("err", "/Stage[main]/Main/Package[y]", "something else")};
    const Json seen{{"phase", "apply"},
                    {"failed",
                     {{{"resource", "Package[x]"}, {"messages", Json::array()}},
                      {{"resource", "Package[y]"}, {"messages", {"its own"}}}}}};
    const PuppetResult result = read_puppet_result(run_of_three("  failed: 2\n", log, seen));
    REQUIRE(result.failed_resources.size() == 2);
    CHECK(result.failed_resources[0].message == "Provider pacman is not functional on this host");
    CHECK(result.failed_resources[1].message == "its own");
    CHECK(result.warnings.empty());
}

TEST_CASE("what is changed under noop is told, and is no drift") {
    PuppetTraces traces = run_of_three("  changed: 1\n  failed: 0\n  out_of_sync: 1\n", {}, Json());
    traces.noop = true;
    traces.process.exit_code = 2;
    CHECK(read_puppet_result(traces).outcome == Outcome::changed);
    traces = run_of_three("  changed: 1\n  failed: 0\n  out_of_sync: 3\n", {}, Json());
    traces.noop = true;
    const PuppetResult drift = read_puppet_result(traces);
    CHECK(drift.outcome == Outcome::noop_drift);
    CHECK(drift.error->message.starts_with(
        "2 resources out of sync, and noop changed nothing of that, but 1 resource with"));
}

TEST_CASE("a long message keeps its beginning and its end, where the cause and the place are") {
    const std::string message = "Evaluation Error: cannot decrypt ENC[PKCS7," + std::string(3000, 'M') +
                                "]: no private key (file: /x.yaml, line: 3)";
    PuppetTraces traces = run_of_three("", {line("err", "Puppet", message)}, Json{{"phase", "compile"}});
    traces.process.exit_code = 1;
    traces.resources.reset();
    const PuppetResult result = read_puppet_result(traces);
    REQUIRE(result.error);
    CHECK(result.error->message.find("Evaluation Error: cannot decrypt ENC[PKCS7,MMM") != std::string::npos);
    CHECK(result.error->message.find("]: no private key (file: /x.yaml, line: 3)") != std::string::npos);
}
