#include "agent/servers/git/transport.hpp"

#include "test/fakes/errors.hpp"
#include "test/fakes/fake_processes.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

using namespace bootwright;

namespace {

/// What comes of an ssh that ends so, before the server has said anything.
Error failure_where(const FakeProcesses::Script& script, const std::string& host = "git.example.com") {
    FakeProcesses processes;
    processes.answer("-F", script);
    WebClient web({}, {});
    const auto transport = make_transport({.url = "ssh://git@" + host + "/x.git"}, web, processes, {});
    return error_of([&] {
        return transport->command(
            "0000", [](const Packet&) { return false; }, [](std::size_t) {});
    });
}

}  // namespace

TEST_CASE("what ssh says before it ends tells who has to mend it") {
    struct Row {
        const char* said;
        const char* code;
        ErrorKind kind;
    };
    const Row row = GENERATE(values<Row>({
        {"Host key verification failed.", "server.not_trusted", ErrorKind::permanent},
        {"@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @", "server.not_trusted", ErrorKind::permanent},
        {"Unable to negotiate with h port 22: no matching host key type found.", "server.not_trusted",
         ErrorKind::permanent},
        {"git@h: Permission denied (publickey).", "server.access_denied", ErrorKind::permanent},
        {"remote: Access denied", "server.access_denied", ErrorKind::permanent},
        {"Received disconnect from h: Too many authentication failures", "server.access_denied", ErrorKind::permanent},
        {"fatal: '/x.git' does not appear to be a git repository", "git.no_repository", ErrorKind::permanent},
        {"ERROR: Repository not found.", "git.no_repository", ErrorKind::permanent},
        {"fatal: '/x.git' does not exist", "git.no_repository", ErrorKind::permanent},
        {"sh: git-upload-pack: No such file or directory", "git.no_repository", ErrorKind::permanent},
        {"ssh: connect to host h port 22: Connection refused", "server.unreachable", ErrorKind::transient},
    }));
    CAPTURE(row.said);
    const Error error = failure_where({.result = {.exit_code = 255}, .error_lines = {row.said}});
    CHECK(error.code == row.code);
    CHECK(error.kind == row.kind);
    CHECK(error.message == "cannot fetch from ssh://git.example.com/x.git: " + std::string(row.said));
}

TEST_CASE("an ssh that says nothing is told by its status, and one that is silent for too long as such") {
    const Error ended = failure_where({.result = {.exit_code = 255}});
    CHECK(ended.code == "server.unreachable");
    CHECK(ended.message.ends_with("ssh ended with status 255"));
    const Error silent = failure_where({.result = {.end = ProcessResult::End::silent}}, "127.0.0.1");
    CHECK(silent.code == "server.stalled");
    CHECK(silent.kind == ErrorKind::transient);
}

TEST_CASE("a name that ssh does not find is said of the name servers, not of the git server") {
    const Error error = failure_where(
        {.result = {.exit_code = 255},
         .error_lines = {"ssh: Could not resolve hostname git.example.com: Temporary failure in name resolution"}});
    CHECK(error.code == "server.unreachable");
    CHECK(error.kind == ErrorKind::transient);
    CHECK(error.message.find("the name git.example.com was not found; ") != std::string::npos);
    CHECK(error.message.find("/etc/resolv.conf") != std::string::npos);
    CHECK(error.advice.find("getent ahosts git.example.com") != std::string::npos);
}
