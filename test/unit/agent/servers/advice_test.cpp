#include "agent/servers/advice.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;

TEST_CASE("an error that does not know whose URL it was gets the advice of who asked") {
    const Error error = advised(permanent_error("server.not_trusted", "an unknown CA", ""));
    CHECK(error.advice.find("repository.ca_file of agent.json") != std::string::npos);
    CHECK(error.message == "an unknown CA");
    CHECK(error.kind == ErrorKind::permanent);
}

TEST_CASE("advice that is there stays, and an unknown code gets none") {
    CHECK(advised(permanent_error("server.not_trusted", "x", "add it to known_hosts")).advice ==
          "add it to known_hosts");
    CHECK(advised(permanent_error("some.code", "x", "")).advice.empty());
}
