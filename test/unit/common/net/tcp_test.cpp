#include "common/net/tcp.hpp"

#include "common/files/file.hpp"
#include "test/fakes/raw_server.hpp"

#include <catch2/catch_test_macros.hpp>

#include <netinet/in.h>
#include <sys/socket.h>

#include <chrono>
#include <string>
#include <vector>

using namespace bootwright;
using namespace std::chrono_literals;

namespace {

TcpPlace place_of(const RawServer& server) {
    const std::string url = server.url("");
    return parse_tcp_place(url.substr(url.find("//") + 2)).value();
}

/// A port on which somebody listens, and is too busy to answer: its queue is full, so that the kernel drops the next SYN.
class BusyPort {
public:
    BusyPort() : listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        auto* generic = reinterpret_cast<sockaddr*>(&address);
        REQUIRE(bind(listener_.get(), generic, size) == 0);
        REQUIRE(listen(listener_.get(), 0) == 0);
        REQUIRE(getsockname(listener_.get(), generic, &size) == 0);
        port_ = ntohs(address.sin_port);
        constexpr int more_than_the_queue = 4;
        for (int i = 0; i < more_than_the_queue; ++i) {
            waiting_.emplace_back(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
            connect(waiting_.back().get(), generic, size);
        }
    }
    [[nodiscard]] TcpPlace place() const { return {"127.0.0.1", port_}; }

private:
    UniqueFd listener_;
    std::vector<UniqueFd> waiting_{};
    int port_ = 0;
};

}  // namespace

TEST_CASE("a place is a host and a port") {
    CHECK(parse_tcp_place("127.0.0.1:80")->host == "127.0.0.1");
    CHECK(parse_tcp_place("db-1.example.com:5432")->port == 5432);
    CHECK(parse_tcp_place("[fe80::1%eth0]:65535")->host == "fe80::1%eth0");
    CHECK(parse_tcp_place("[a]:1")->host == "a");
    CHECK(parse_tcp_place("h:1")->port == 1);
    for (const char* wrong : {"", ":80", "80", "host", "host:", "host:0", "host:65536", "host:80x", "host:-1",
                              "ho st:80", "::1:80", "[]:80", "[::1]", "a/b:80", "user@host:80"}) {
        CAPTURE(wrong);
        CHECK_FALSE(parse_tcp_place(wrong));
    }
}

TEST_CASE("a place longer than any name of a host is none") {
    const std::string port = ":8080";
    CHECK(parse_tcp_place(std::string(300 - port.size(), 'a') + port));
    CHECK_FALSE(parse_tcp_place(std::string(301 - port.size(), 'a') + port));
}

TEST_CASE("a port that does not answer is given up at the deadline, which is named, and at once on a stop") {
    const BusyPort busy;
    CHECK(why_not_connected(busy.place(), 20ms, {}) == "no answer within 20 ms");
    std::stop_source stop;
    stop.request_stop();
    CHECK(why_not_connected(busy.place(), 24h, stop.get_token()) == "no answer within 24 h 0 min");
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
    CHECK(problem->starts_with("the name 999.1.1.1.invalid. was not found: "));
}
