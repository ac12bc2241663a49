// What the child answers, and how it ends.

#include "agent/repository/repository.hpp"

#include "agent/repository/fetch_request.hpp"
#include "test/fakes/errors.hpp"
#include "test/fakes/repository_stage_world.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

using namespace bootwright;
using namespace bootwright::repository_tests;

TEST_CASE("progress and whatever else the child says is read, line by line") {
    World world;
    world.fake.processes.answer(
        "bootwright-fetch",
        {.lines = {R"({"progress": {"what": "objects", "done": 1, "total": 8}})", "rubbish", "", "[]", "7",
                   R"({"unknown": 1})", R"({"progress": {"what": "files", "done": 3, "total": 3}})", checkout_line()}});
    const Checkout checkout = world.prepare();
    CHECK(checkout.folder == world.fake.system.state() / "checkout" / revision);
    CHECK(checkout.signer == "ann@example.com");
    CHECK(world.progress == std::vector<std::string>{"objects 1 of 8", "files 3 of 3"});
}

TEST_CASE("what the commit says of itself is handed on, without secrets and fit to be shown") {
    World world;
    const Json words{{"subject", "Take hunter2 out\x1b[2J"},
                     {"author", "hunter2 Example"},
                     {"written", 1795383092},
                     {"tag", "v-hunter2\n"},
                     {"before", std::string(40, 'f')},
                     {"files_changed", 3}};
    world.fake.processes.answer("bootwright-fetch",
                                {.lines = {to_line({{"checkout", {{"revision", revision}, {"words", words}}}})}});
    const Checkout checkout = world.prepare();
    CHECK(checkout.words.subject.ends_with(" out?[2J"));
    CHECK(checkout.words.author.ends_with(" Example"));
    CHECK(checkout.words.written == 1795383092);
    CHECK(checkout.words.before == std::string(40, 'f'));
    CHECK(checkout.words.files_changed == 3);
    CHECK(to_line(to_json(checkout.words)).find("hunter2") == std::string::npos);
}

TEST_CASE("words of a wrong shape cost no checkout") {
    const Json words = GENERATE(Json(7), Json::array(), Json("x"), Json{{"subject", 7}, {"written", -1}});
    World world;
    world.fake.processes.answer("bootwright-fetch",
                                {.lines = {to_line({{"checkout", {{"revision", revision}, {"words", words}}}})}});
    CHECK(world.prepare().words.subject.empty());
}

TEST_CASE("what each place said is handed on") {
    World world;
    world.fake.processes.answer(
        "bootwright-fetch",
        {.lines = {R"({"place": {"place": "https://a/x", "said": "it is away", "seconds": 1.5}})",
                   R"({"place": {"place": "https://b/x", "said": "gave it", "seconds": 2, "module": "modules/ntp"}})",
                   checkout_line()}});
    world.prepare();
    REQUIRE(world.heard.size() == 2);
    CHECK(world.heard[0].place == "https://a/x");
    CHECK(world.heard[0].said == "it is away");
    CHECK(world.heard[0].seconds == 1.5);
    CHECK(world.heard[0].module.empty());
    CHECK(world.heard[0].of.empty());
    CHECK(world.heard[1].seconds == 2);
    CHECK(world.heard[1].module == "modules/ntp");
}

TEST_CASE("a progress event of a wrong shape ends nothing") {
    const std::string line = GENERATE(values<std::string>(
        {R"({"progress": 1})", R"({"progress": null})", R"({"progress": {"done": "x", "total": []}})",
         R"({"error": 1})", R"({"progress": {"done": -1}})", R"({"place": 1})", R"({"place": {}})",
         R"({"place": {"place": 7, "said": [], "seconds": "x"}})"}));
    CAPTURE(line);
    World world;
    world.fake.processes.answer("bootwright-fetch", {.lines = {line, checkout_line()}});
    CHECK_NOTHROW(world.prepare());
}

TEST_CASE("the child's error is handed on with its kind, code and advice") {
    World world;
    const Error error = permanent_error(GENERATE("git.revision_not_found", "http.bad_header", "url.invalid"),
                                        "there is no commit", "push it");
    world.fake.processes.answer("bootwright-fetch",
                                {.result = {.exit_code = 1}, .lines = {to_line({{"error", to_json(error)}})}});
    const Error thrown = world.failure();
    CHECK(thrown.code == error.code);
    CHECK(thrown.kind == ErrorKind::permanent);
    CHECK(thrown.advice == "push it");
}

TEST_CASE("a checkout of anything but the pin is not believed") {
    const Json checkout = GENERATE(Json(1), Json::object(), Json{{"revision", "main"}}, Json{{"revision", 7}},
                                   Json{{"revision", std::string(40, 'a')}}, Json{{"revision", "../../../etc"}});
    CAPTURE(to_line(checkout));
    World world;
    world.fake.processes.answer("bootwright-fetch", {.lines = {to_line({{"checkout", checkout}})}});
    CHECK(world.failure().code == "repository.fetch_crashed");
    world.pin.revision = "main";  // leads to any commit
    if (checkout == Json{{"revision", std::string(40, 'a')}}) {
        CHECK(world.prepare().folder == world.fake.system.state() / "checkout" / std::string(40, 'a'));
    } else {
        CHECK(world.failure().code == "repository.fetch_crashed");
    }
}

TEST_CASE("the child's error is none of another stage, and never that the agent was told to stop") {
    const Error error =
        GENERATE(Error(ErrorKind::stopped, "git.corrupt", "m", "a"), Error(ErrorKind::stopped, "stopped", "m", "a"),
                 Error(ErrorKind::transient, "puppet.killed", "m", "a"),
                 Error(ErrorKind::permanent, "config.invalid", "m", "a"));
    CAPTURE(error.code);
    World world;
    world.fake.processes.answer("bootwright-fetch",
                                {.result = {.exit_code = 1}, .lines = {to_line({{"error", to_json(error)}})}});
    const Error thrown = world.failure();
    CHECK(thrown.code == "repository.fetch_crashed");
    CHECK(thrown.kind == ErrorKind::transient);
}

TEST_CASE("a child that ends badly is an error that may pass, and says how it ended") {
    struct Row {
        ProcessResult result;
        const char* code;
        const char* message;
    };
    using End = ProcessResult::End;
    const Row row = GENERATE(values<Row>({
        {{.end = End::exited, .exit_code = 0}, "repository.fetch_crashed", "ended with status 0"},
        {{.end = End::exited, .exit_code = 139}, "repository.fetch_crashed", "ended with status 139"},
        {{.end = End::killed_by_signal, .signal = 11}, "repository.fetch_crashed", "killed by signal 11"},
        {{.end = End::timed_out}, "repository.timeout", "not complete after 15 min"},
        {{.end = End::silent}, "server.stalled", "no progress for 30.0 s"},
    }));
    CAPTURE(row.code, row.message);
    World world;
    world.fake.processes.answer("bootwright-fetch", {.result = row.result});
    const Error error = world.failure();
    CHECK(error.code == row.code);
    CHECK(error.kind == ErrorKind::transient);
    CHECK(error.message.find(row.message) != std::string::npos);
    CHECK(error.message.find("https://git.example.com/ops/puppet.git") != std::string::npos);
    CHECK(error.message.find("hunter2") == std::string::npos);
    CHECK_FALSE(error.advice.empty());
}

TEST_CASE("an answer counts only from a child that came to its end") {
    World world;
    world.fake.processes.answer("bootwright-fetch",
                                {.result = {.end = ProcessResult::End::timed_out}, .lines = {checkout_line()}});
    CHECK(world.failure().code == "repository.timeout");
    world.fake.processes.answer(
        "bootwright-fetch",
        {.result = {.end = ProcessResult::End::killed_by_signal, .signal = 9}, .lines = {checkout_line()}});
    CHECK(world.failure().code == "repository.fetch_crashed");
}

TEST_CASE("a stop while the child works is a stop") {
    World world;
    std::stop_source stop;
    world.fake.processes.answer("bootwright-fetch", {.work = [&](const ProcessRequest&) { stop.request_stop(); }});
    CHECK(error_of([&] { return world.prepare(stop.get_token()); }).kind == ErrorKind::stopped);
}

TEST_CASE("a program that cannot be started is an error of its own") {
    World world;
    world.fake.processes.answer("bootwright-fetch",
                                {.cannot_start = transient_error("process.cannot_start", "no memory", "free some")});
    CHECK(world.failure().code == "process.cannot_start");
}
