#include "common/net/name_lookup.hpp"

#include "common/net/web.hpp"
#include "test/fakes/errors.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;
using namespace std::chrono_literals;

TEST_CASE("the name servers are those that the C library asks") {
    using Servers = std::vector<std::string>;
    CHECK(name_servers_of("# x\nsearch a.b\nnameserver 10.0.0.2\nnameserver\tfe80::1%eth0  # y\n") ==
          Servers{"10.0.0.2", "fe80::1%eth0"});
    CHECK(name_servers_of("nameserver 1.1.1.1\nnameserver 2.2.2.2\nnameserver 3.3.3.3\nnameserver 4.4.4.4\n") ==
          Servers{"1.1.1.1", "2.2.2.2", "3.3.3.3"});
    CHECK(name_servers_of("").empty());
    CHECK(name_servers_of("nameserver\nnameservers 1.1.1.1\n nameserver 1.1.1.1\n;nameserver 1.1.1.1\n").empty());
    CHECK(name_servers_of("nameserver 1.1.1.1\x1b[2J").front().find('\x1b') == std::string::npos);
    CHECK(name_servers_of("nameserver " + std::string(5000, '1')).front().size() <= 110);
}

TEST_CASE("an address needs no look-up, and a name that cannot be is named") {
    CHECK(look_up("127.0.0.1", 80, 5s).first);
    CHECK(look_up("::1", 80, 5s).first);
    const Addresses none = look_up("999.1.1.1.invalid.", 80, 5s);
    CHECK_FALSE(none.first);
    CHECK(none.problem.starts_with("the name 999.1.1.1.invalid. was not "));
}

TEST_CASE("libcurl's failed look-up is said of the name, of the proxy's where there is one") {
    WebClient client({}, {.connect = 5s, .stall = 5s});
    const Error error = error_of([&] { return client.send({.url = "http://no-such.invalid/x"}); });
    CHECK(error.code == "server.unreachable");
    CHECK(error.kind == ErrorKind::transient);
    CHECK(error.message.find("the name no-such.invalid was not ") != std::string::npos);
    CHECK(error.advice.find("getent ahosts no-such.invalid") != std::string::npos);
    WebClient behind({.proxy = "http://proxy.invalid:3128"}, {.connect = 5s, .stall = 5s});
    const Error of_proxy = error_of([&] { return behind.send({.url = "http://git.test/x"}); });
    CHECK(of_proxy.message.find("the name proxy.invalid of the proxy") != std::string::npos);
}
