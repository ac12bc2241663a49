#include "agent/servers/git/transport.hpp"

#include "test/fakes/errors.hpp"
#include "test/fakes/fake_processes.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

using namespace bootwright;

namespace {

/// What comes of an ssh that ends so, before the server has said anything.
Error failure_where(const FakeProcesses::Script& script) {
    FakeProcesses processes;
    processes.answer("-F", script);
    const auto transport = make_ssh_transport({.url = "ssh://git@git.example.com/x.git"}, processes, {});
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
        {"Host key verification failed.", "repository.server_not_trusted", ErrorKind::permanent},
        {"@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @", "repository.server_not_trusted", ErrorKind::permanent},
        {"Unable to negotiate with h port 22: no matching host key type found.", "repository.server_not_trusted",
         ErrorKind::permanent},
        {"git@h: Permission denied (publickey).", "repository.access_denied", ErrorKind::permanent},
        {"remote: Access denied", "repository.access_denied", ErrorKind::permanent},
        {"Received disconnect from h: Too many authentication failures", "repository.access_denied",
         ErrorKind::permanent},
        {"fatal: '/x.git' does not appear to be a git repository", "repository.not_found", ErrorKind::permanent},
        {"ERROR: Repository not found.", "repository.not_found", ErrorKind::permanent},
        {"fatal: '/x.git' does not exist", "repository.not_found", ErrorKind::permanent},
        {"sh: git-upload-pack: No such file or directory", "repository.not_found", ErrorKind::permanent},
        {"ssh: connect to host h port 22: Connection refused", "repository.unreachable", ErrorKind::transient},
    }));
    CAPTURE(row.said);
    const Error error = failure_where({.result = {.exit_code = 255}, .error_lines = {row.said}});
    CHECK(error.code == row.code);
    CHECK(error.kind == row.kind);
    CHECK(error.message == "cannot fetch from ssh://git.example.com/x.git: " + std::string(row.said));
}

TEST_CASE("an ssh that says nothing is told by its status, and one that is silent for too long as such") {
    const Error ended = failure_where({.result = {.exit_code = 255}});
    CHECK(ended.code == "repository.unreachable");
    CHECK(ended.message.ends_with("ssh ended with status 255"));
    const Error silent = failure_where({.result = {.end = ProcessResult::End::silent}});
    CHECK(silent.code == "repository.stalled");
    CHECK(silent.kind == ErrorKind::transient);
}
