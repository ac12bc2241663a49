#include "common/tcp.hpp"

#include "test/fakes/raw_server.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;
using namespace std::chrono_literals;

namespace {

TcpPlace place_of(const RawServer& server) {
    const std::string url = server.url("");
    return parse_tcp_place(url.substr(url.find("//") + 2)).value();
}

}  // namespace

TEST_CASE("a place is a host and a port") {
    CHECK(parse_tcp_place("127.0.0.1:80")->host == "127.0.0.1");
    CHECK(parse_tcp_place("db-1.example.com:5432")->port == 5432);
    CHECK(parse_tcp_place("[fe80::1%eth0]:65535")->host == "fe80::1%eth0");
    for (const char* wrong : {"", ":80", "80", "host", "host:", "host:0", "host:65536", "host:80x", "host:-1",
                              "ho st:80", "::1:80", "[]:80", "[::1]", "a/b:80", "user@host:80"}) {
        CAPTURE(wrong);
        CHECK_FALSE(parse_tcp_place(wrong));
    }
}

TEST_CASE("a port on which somebody listens takes a connection") {
    RawServer server({});
    CHECK_FALSE(why_not_connected(place_of(server), 5s, {}));
}

TEST_CASE("a port on which nobody listens refuses, in words") {
    std::optional<TcpPlace> place;
    {
        const RawServer server({});
        place = place_of(server);
    }
    CHECK(why_not_connected(*place, 5s, {}) == "Connection refused");
}

TEST_CASE("of the addresses of a name one suffices") {
    RawServer server({});  // on 127.0.0.1 only
    CHECK_FALSE(why_not_connected({"localhost", place_of(server).port}, 5s, {}));
}

TEST_CASE("a place that cannot be one is told apart from one that refuses") {
    const auto problem = why_not_connected({"999.1.1.1.invalid.", 1}, 5s, {});
    REQUIRE(problem);
    CHECK(problem->starts_with("the name is not resolved"));
}
