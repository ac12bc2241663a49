#include "common/base/error.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cerrno>

using namespace bootwright;

TEST_CASE("an error carries its kind, a stable code, and what to do") {
    const Error error = permanent_error("area.reason", "what happened", "do this");
    CHECK(error.kind == ErrorKind::permanent);
    CHECK(std::string(error.what()) == "what happened");
    CHECK(error.advice == "do this");
    CHECK_FALSE(error.retry_after);
    CHECK(transient_error("a.b", "c", "d").kind == ErrorKind::transient);
    CHECK(stopped_error().kind == ErrorKind::stopped);
    CHECK(stopped_error().code == "stopped");
}

TEST_CASE("whatever an error quotes, it can be shown on a terminal") {
    const Error error = permanent_error("area.reason", "the key \"ro\x1b[31mle\"\n is wrong", "use \xff\"role\"");
    CHECK(error.message == "the key \"ro?[31mle\"  is wrong");
    CHECK(error.advice == "use ?\"role\"");
    CHECK(transient_error("a.b", std::string(1'000'000, 'x'), "do").message.size() < 20'000);
}

TEST_CASE("kinds have the names that status.json shows") {
    CHECK(to_string(ErrorKind::transient) == "transient");
    CHECK(to_string(ErrorKind::permanent) == "permanent");
    CHECK(to_string(ErrorKind::stopped) == "stopped");
}

TEST_CASE("failed system calls are told apart by what can be done about them") {
    struct Row {
        int number;
        ErrorKind kind;
        const char* code;
    };
    for (const Row& row :
         {Row{ENOSPC, ErrorKind::transient, "io.no_space"}, Row{EDQUOT, ErrorKind::transient, "io.no_space"},
          Row{EACCES, ErrorKind::permanent, "io.not_permitted"}, Row{EPERM, ErrorKind::permanent, "io.not_permitted"},
          Row{EROFS, ErrorKind::permanent, "io.not_permitted"}, Row{EIO, ErrorKind::transient, "io.failed"},
          Row{0, ErrorKind::transient, "io.failed"}}) {
        const Error error = system_call_error("write", "/etc/motd", row.number);
        CHECK(error.kind == row.kind);
        CHECK(error.code == row.code);
        CHECK(error.message.starts_with("cannot write /etc/motd: "));
        CHECK_FALSE(error.advice.empty());
    }
}
