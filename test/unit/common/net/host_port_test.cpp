#include "common/net/host_port.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <vector>

using namespace bootwright;

TEST_CASE("a host and a port are taken apart, whatever they are") {
    struct Row {
        std::string text;
        std::string host;
        std::string port;
        bool is_bracketed = false;
    };
    const std::vector<Row> rows{
        {"", "", ""},
        {":", "", ":"},
        {":80", "", ":80"},
        {"host", "host", ""},
        {"host:", "host", ":"},
        {"host:80", "host", ":80"},
        {"host:80:90", "host", ":80:90"},
        {"10.0.0.1:80", "10.0.0.1", ":80"},
        {"::1:80", "", "::1:80"},
        {"fd00::1", "fd00", "::1"},
        {"host]:80", "host]", ":80"},
        {"[]", "", "", true},
        {"[]:80", "", ":80", true},
        {"[::1]", "::1", "", true},
        {"[::1]:80", "::1", ":80", true},
        {"[::1]80", "::1", "80", true},
        {"[fe80::1%eth0]:80", "fe80::1%eth0", ":80", true},
        {"[a]b]:80", "a", "b]:80", true},
        {"[[::1]]:80", "[::1", "]:80", true},
    };
    for (const Row& row : rows) {
        INFO(row.text);
        const auto split = split_host_port(row.text);
        REQUIRE(split);
        CHECK(split->host == row.host);
        CHECK(split->port == row.port);
        CHECK(split->is_bracketed == row.is_bracketed);
    }
}

TEST_CASE("a bracket that nothing closes is no host") {
    for (const char* text : {"[", "[::1", "[::1:80"}) {
        INFO(text);
        CHECK_FALSE(split_host_port(text));
    }
}

TEST_CASE("a port is a number from 1 to 65535") {
    CHECK(port_number(":1") == 1);
    CHECK(port_number(":80") == 80);
    CHECK(port_number(":00080") == 80);
    CHECK(port_number(":65535") == 65535);
    for (const char* wrong : {"", ":", "80", "80:", ":0", ":00000", ":65536", ":99999", ":000080", ":80x", ":80 ",
                              ": 80", ":-1", ":+80", ":0x50", "::80", ":80:", "]:80"}) {
        INFO(wrong);
        CHECK_FALSE(port_number(wrong));
    }
}

TEST_CASE("an IPv6 address stands in brackets before a port, a name does not") {
    CHECK(host_in_brackets("host.example.com") == "host.example.com");
    CHECK(host_in_brackets("10.0.0.1") == "10.0.0.1");
    CHECK(host_in_brackets("fd00::1") == "[fd00::1]");
    CHECK(host_in_brackets("fe80::1%25eth0") == "[fe80::1%25eth0]");
    CHECK(host_in_brackets("").empty());
}
