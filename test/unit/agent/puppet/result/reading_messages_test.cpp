// What is told of the log: errors and warnings.

#include "agent/puppet/result/reading.hpp"

#include "common/base/encoding.hpp"
#include "common/documents/json.hpp"
#include "test/fakes/puppet_traces.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;
using namespace bootwright::reading_tests;

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

TEST_CASE("of a long message the first line, the end and the place in the code stay") {
    const std::string place =
        "(file: " + std::string(checkout) + "/site-modules/profile/manifests/web.pp, line: 12, column: 3)";
    const std::string shown_place = "(file: site-modules/profile/manifests/web.pp, line: 12, column: 3)";
    const std::string first(250, 'f');
    const std::string rest(3000, 'r');
    PuppetTraces traces = recorded("compile_error");
    for (const std::string& message :
         {first + "\n" + rest + " " + place + " on node web1", first + " " + place + "\n" + rest + " the end",
          first + "\n" + rest + " " + place + " " + rest + " the end"}) {
        traces.log = log_line("err", message);
        const std::string reason = read_puppet_result(traces).error->message;
        CHECK(reason.find(first) != std::string::npos);
        CHECK(reason.find(shown_place) != std::string::npos);
        CHECK((reason.ends_with("on node web1") || reason.find("the end") != std::string::npos));
        CHECK(reason.size() < 700);
    }
}
