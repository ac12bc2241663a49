#include "common/documents/json.hpp"
#include "test/fakes/captured_output.hpp"
#include "test/fakes/errors.hpp"
#include "test/fakes/fake_system.hpp"
#include "test/fakes/run_command.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;

namespace {

/// `snapshot make` of a URL with a password, whose child ends so.
Error error_where_child(const FakeProcesses::Script& script) {
    FakeSystem fake;
    fake.processes.answer("bootwright-fetch", script);
    const CapturedOutput output;
    return error_of([&] {
        run_command(
            fake.system, "snapshot make",
            {{"--repository", "https://reader:hunter2@git.example.com/x.git"}, {"--output", fake.root.path("/out")}});
    });
}

}  // namespace

TEST_CASE("a snapshot that cannot be made tells no password, whoever says it") {
    const std::string said = "cannot read https://reader:hunter2@git.example.com/x.git, nor hunter2";
    const Error told = error_where_child(
        {.result = {.exit_code = 1},
         .lines = {to_line({{"error", to_json(transient_error("server.unreachable", said, "try " + said))}})}});
    CHECK(told.code == "server.unreachable");
    CHECK((told.message + told.advice).find("hunter2") == std::string::npos);
    const Error crashed = error_where_child({.result = {.exit_code = 1}, .error_lines = {said}});
    CHECK(crashed.code == "repository.fetch_crashed");
    CHECK(crashed.message.find("hunter2") == std::string::npos);
}

TEST_CASE("a child that says what it never says has made no snapshot") {
    for (const Json& said : {Json("x"), Json{{"revision", 7}}, Json{{"revision", "../x"}, {"file", "/etc/shadow"}}}) {
        CAPTURE(said.dump());
        CHECK(error_where_child({.lines = {to_line({{"snapshot", said}})}}).code == "repository.fetch_crashed");
    }
    const std::string commit(40, 'a');
    const FakeProcesses::Script killed{.result = {.end = ProcessResult::End::killed_by_signal, .signal = 9},
                                       .lines = {to_line({{"snapshot", {{"revision", commit}}}})}};
    CHECK(error_where_child(killed).code == "repository.fetch_crashed");
}
