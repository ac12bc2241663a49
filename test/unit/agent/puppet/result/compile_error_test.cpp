#include "agent/puppet/result/compile_error.hpp"

#include "test/fakes/puppet_traces.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;
using namespace bootwright::reading_tests;

namespace {

std::string message_of(const PuppetTraces& traces) { return read_puppet_result(traces).error->message; }

PuppetTraces failed(const std::string& message, const Json& failure) {
    PuppetTraces traces = recorded("compile_error");
    traces.log = log_line("err", message);
    traces.observation = to_line({{"phase", "compile"}, {"compile_failure", failure}});
    return traces;
}

}  // namespace

TEST_CASE("a failed lookup says what it looked through, without secrets and long paths") {
    const std::string folder = checkout;
    const Json lookup{{"key", "profile::web::port"},
                      {"through", {"the role config's data", folder + "/data/hunter22.yaml (not there)"}}};
    PuppetTraces traces = failed("did not find a value for the name 'profile::web::port'", {{"lookups", {lookup}}});
    traces.redactor.add("hunter22");
    CHECK(
        message_of(traces).ends_with("; the key profile::web::port was looked up in the role config's data, "
                                     "data/[redacted].yaml (not there)"));
    const Json without{{"key", "a"}, {"through", Json::array()}};
    CHECK(message_of(failed("'a'", {{"lookups", {without}}})).ends_with("; the key a was looked up in no file at all"));
}

TEST_CASE("what a failed lookup looked through is cut where it is endless") {
    const Json through(std::size_t{1000}, std::string(400, 'x'));
    CHECK(message_of(failed("'a'", {{"lookups", {{{"key", "a"}, {"through", through}}}}})).size() < 2000);
}

TEST_CASE("Ruby of the repository that fails is named where Puppet names no place") {
    const Json at{{"at", std::string(checkout) + "/modules/a/lib/puppet/functions/f.rb:1"}};
    CHECK(message_of(failed("Could not run: cannot load such file -- x", at))
              .ends_with("cannot load such file -- x (at modules/a/lib/puppet/functions/f.rb:1)"));
    CHECK(message_of(failed("no such thing (file: a.pp, line: 3)", at)).find("f.rb") == std::string::npos);
}

TEST_CASE("a class of an ignored Puppetfile is no fault of the manifest") {
    PuppetTraces traces = failed("Could not find class ::nginx for i-1", nullptr);
    const std::string usual = read_puppet_result(traces).error->advice;
    traces.missing = {{"nginx", 7}};
    const Error error = *read_puppet_result(traces).error;
    CHECK(error.message.ends_with("; the ignored Puppetfile declares the module nginx (line 7)"));
    CHECK(error.advice != usual);
    CHECK(error.advice.find("repository.puppetfile") != std::string::npos);
    traces.is_working_copy = true;
    const Error there = compile_error("Could not find class ::nginx for i-1", std::nullopt, traces);
    CHECK(there.message.ends_with("; the Puppetfile declares the module nginx (line 7), not in this folder"));
    CHECK(there.advice.find("r10k puppetfile install") != std::string::npos);
}
