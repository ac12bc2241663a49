#include "agent/repository/repository.hpp"

#include "agent/repository/fetch_request.hpp"
#include "common/text.hpp"
#include "test/fakes/errors.hpp"
#include "test/fakes/fake_system.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

using namespace bootwright;
using namespace std::chrono_literals;

namespace {

constexpr const char* revision = "0123456789abcdef0123456789abcdef01234567";

std::string checkout_line() {
    return to_line({{"checkout", {{"revision", revision}, {"folder", "/var/lib/bootwright/checkout/x"}}}});
}

struct World {
    FakeSystem fake{};
    AgentConfig config{};
    RoleConfig role{};
    std::vector<std::string> progress{};
    pid_t child = 0;

    World() {
        role.repository.url = "https://user:hunter2@git.example.com/ops/puppet.git";
        role.repository.revision = revision;
    }
    Checkout prepare(std::stop_token stop = {}) {
        return prepare_checkout(fake.system, config, role, {"last-good"},
                                {.progress =
                                     [this](std::string_view what, std::uint64_t done, std::uint64_t total) {
                                         progress.push_back(std::string(what) + " " + std::to_string(done) + " of " +
                                                            std::to_string(total));
                                     },
                                 .child_started = [this](ProcessId id) { child = id.pid; }},
                                std::move(stop));
    }
    Error failure() {
        return error_of([&] { return prepare(); });
    }
};

}  // namespace

TEST_CASE("the child is asked on its standard input, never by arguments or environment") {
    World world;
    world.fake.processes.answer("bootwright-fetch", {.lines = {checkout_line()}});
    world.config.repository.timeout = 7min;
    world.config.repository.stall = 20s;
    world.config.repository.keep = 5;
    world.config.repository.ca_file = "/etc/ssl/ours.pem";
    CHECK(world.prepare().revision == revision);

    const ProcessRequest& request = world.fake.processes.requests.at(0);
    CHECK(request.arguments == std::vector<std::string>{"/usr/lib/bootwright/bootwright-fetch"});
    CHECK(joined(request.arguments, " ").find("hunter2") == std::string::npos);
    for (const auto& [name, value] : request.environment) {
        CHECK((name + value).find("hunter2") == std::string::npos);
    }
    CHECK(request.timeout == 7min);
    CHECK(request.silence > 20s);
    CHECK(world.child == 4242);

    const FetchRequest asked = fetch_request_from_json(Json::parse(request.input));
    CHECK(asked.url == world.role.repository.url);
    CHECK(asked.revision == revision);
    CHECK(asked.keep == 5);
    CHECK(asked.silence_ms == 20000);
    CHECK(asked.protect == std::vector<std::string>{"last-good"});
    CHECK(asked.ca_file == world.fake.root.path() / "etc/ssl/ours.pem");
    CHECK(asked.known_hosts == world.fake.root.path() / "etc/bootwright/known_hosts");
    CHECK(asked.checkouts == world.fake.system.state() / "checkout");
    CHECK(asked.repository.parent_path() == world.fake.system.state() / "repository");
    CHECK(asked.repository.filename().string().starts_with("puppetgit-"));
    CHECK(asked.repository.string().find("hunter2") == std::string::npos);
}

TEST_CASE("without a CA file none is named") {
    World world;
    world.fake.processes.answer("bootwright-fetch", {.lines = {checkout_line()}});
    world.prepare();
    CHECK(fetch_request_from_json(Json::parse(world.fake.processes.requests.at(0).input)).ca_file.empty());
}

TEST_CASE("each URL has a repository of its own, whatever credentials it carries") {
    World world;
    world.fake.processes.answer("bootwright-fetch", {.lines = {checkout_line()}});
    const auto repository_for = [&](const std::string& url) {
        world.role.repository.url = url;
        world.prepare();
        return fetch_request_from_json(Json::parse(world.fake.processes.requests.back().input)).repository;
    };
    const auto first = repository_for("https://git.example.com/a.git");
    CHECK(repository_for("https://token@git.example.com/a.git") == first);
    CHECK(repository_for("https://u:renewed@git.example.com/a.git") == first);
    CHECK(repository_for("https://git.example.com/b.git") != first);
    CHECK(repository_for("https://git.example.com/x/a.git") != first);
    CHECK(repository_for("https://other.example.com/a.git") != first);
    // A hostile URL stays a file name.
    for (const char* url : {"https://h/../../etc", "https://h/", "file:///..", "https://h/%2e%2e"}) {
        CHECK(repository_for(url).parent_path() == world.fake.system.state() / "repository");
    }
    CHECK(repository_for("https://h/" + std::string(1900, 'x')).filename().string().size() < 100);
}

TEST_CASE("a stall limit of many days reaches the child as it is") {
    World world;
    world.fake.processes.answer("bootwright-fetch", {.lines = {checkout_line()}});
    world.config.repository.stall = 24h * 30;  // more milliseconds than 31 bits hold
    world.prepare();
    CHECK(fetch_request_from_json(Json::parse(world.fake.processes.requests.at(0).input)).silence_ms > 0);
}

TEST_CASE("progress and whatever else the child says is read, line by line") {
    World world;
    world.fake.processes.answer(
        "bootwright-fetch",
        {.lines = {R"({"progress": {"what": "objects", "done": 1, "total": 8}})", "rubbish", "", "[]", "7",
                   R"({"unknown": 1})", R"({"progress": {"what": "files", "done": 3, "total": 3}})", checkout_line()}});
    CHECK(world.prepare().folder == "/var/lib/bootwright/checkout/x");
    CHECK(world.progress == std::vector<std::string>{"objects 1 of 8", "files 3 of 3"});
}

TEST_CASE("a progress event of a wrong shape ends nothing") {
    const std::string line = GENERATE(values<std::string>(
        {R"({"progress": 1})", R"({"progress": null})", R"({"progress": {"done": "x", "total": []}})",
         R"({"checkout": 1})", R"({"error": 1})", R"({"progress": {"done": -1}})"}));
    CAPTURE(line);
    World world;
    world.fake.processes.answer("bootwright-fetch", {.lines = {line, checkout_line()}});
    CHECK_NOTHROW(world.prepare());
}

TEST_CASE("the child's error is handed on with its kind, code and advice") {
    World world;
    const Error error = permanent_error("repository.revision_not_found", "there is no commit", "push it");
    world.fake.processes.answer("bootwright-fetch",
                                {.result = {.exit_code = 1}, .lines = {to_line({{"error", to_json(error)}})}});
    const Error thrown = world.failure();
    CHECK(thrown.code == "repository.revision_not_found");
    CHECK(thrown.kind == ErrorKind::permanent);
    CHECK(thrown.advice == "push it");
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
        {{.end = End::silent}, "repository.stalled", "no progress for 30.0 s"},
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
