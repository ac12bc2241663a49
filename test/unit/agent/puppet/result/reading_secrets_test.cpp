// No secret is in what is told.

#include "agent/puppet/result/reading.hpp"

#include "common/base/text.hpp"
#include "common/documents/json.hpp"
#include "test/fakes/puppet_traces.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;
using namespace bootwright::reading_tests;

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
