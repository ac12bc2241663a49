#include "common/net/web.hpp"

#include "common/base/error.hpp"
#include "test/fakes/errors.hpp"
#include "test/fakes/raw_server.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <future>
#include <string>

using namespace bootwright;
using namespace std::chrono_literals;

namespace {

constexpr WebPatience patience{.connect = 5s, .stall = 5s};

Error failure(const Reply& reply, WebRequest request = {}, WebPatience with = patience) {
    RawServer server({reply});
    request.url = server.url();
    WebClient client({}, with);
    return error_of([&] { return client.send(request); });
}

WebResponse answer_to(const std::string& bytes, WebRequest request = {}) {
    RawServer server({{bytes}});
    request.url = server.url();
    WebClient client({}, patience);
    return client.send(request);
}

}  // namespace

TEST_CASE("an answer that is kept has a limit, with and without a length") {
    WebRequest request;
    request.max_bytes = 1000;
    const std::string body(1001, 'x');
    for (const std::string& bytes : each_framing_of(body)) {
        const Error error = failure({bytes}, request);
        CHECK(error.code == "server.too_large");
        CHECK(error.kind == ErrorKind::permanent);
    }
    CHECK(answer_to(answer("200 OK", body.substr(1)), request).body == body.substr(1));
}

TEST_CASE("what goes to a sink has no limit here, and what the sink throws ends the request") {
    RawServer server({{answer("200 OK", std::string(100'000, 'x'))}, {answer("200 OK", "x")}});
    WebClient client({}, patience);
    std::size_t taken = 0;
    const WebRequest request{.url = server.url(), .max_bytes = 10};
    CHECK(
        client.send(request, [&](const WebResponse&, std::string_view bytes) { taken += bytes.size(); }).body.empty());
    CHECK(taken == 100'000);
    const auto refuse = [](const WebResponse&, std::string_view) { throw transient_error("a.b", "no", "do"); };
    CHECK(error_of([&] { return client.send(request, refuse); }).code == "a.b");
}

TEST_CASE("of an error's page the beginning is kept, and none of it goes to a sink") {
    RawServer server({{answer("404 Not Found", "because " + std::string(1'000'000, 'x'))}});
    WebClient client({}, patience);
    const WebRequest request{.url = server.url(), .max_bytes = 10};
    std::size_t taken = 0;
    const WebResponse response =
        client.send(request, [&](const WebResponse&, std::string_view bytes) { taken += bytes.size(); });
    CHECK(response.status == 404);
    CHECK(response.body.starts_with("because "));
    CHECK(response.body.size() <= std::size_t{64} << 10U);
    CHECK(taken == 0);
}

TEST_CASE("of a web server's headers so many are kept, and beyond 64 KiB the answer is refused") {
    const WebResponse response = answer_to(answer("200 OK", "body", header_lines(500, 10)));
    CHECK(response.body == "body");
    CHECK(response.headers.size() == 200);
    CHECK(answer_to(answer("200 OK", "body", header_lines(60, 1000))).headers.at("x-59").size() == 1000);
    for (const std::string& lines : {header_lines(70, 1000), header_lines(1, 70'000)}) {
        const Error error = failure({answer("200 OK", "body", lines)});
        CHECK(error.code == "server.too_large");
        CHECK(error.kind == ErrorKind::permanent);
    }
}

TEST_CASE("the headers of each answer on the way are counted for themselves") {
    RawServer server({{answer("302 Found", "", "Location: /there\r\n" + header_lines(60, 1000))},
                      {answer("200 OK", "body", header_lines(60, 1000))}});
    WebClient client({}, patience);
    const WebResponse response = client.send({.url = server.url(), .follow_redirects = true});
    CHECK(response.body == "body");
    CHECK(response.url == server.url("/there"));
}

TEST_CASE("a request goes out with its method, and with its body, where it has one") {
    RawServer server({{answer("200 OK", "")}, {answer("200 OK", "")}});
    WebClient client({}, patience);
    client.send({.method = "PUT", .url = server.url("/a"), .body = std::string("hello\0world", 11)});
    client.send({.url = server.url("/b")});
    const auto requests = server.finish();
    REQUIRE(requests.size() == 2);
    CHECK(requests[0].starts_with("PUT /a HTTP/1.1\r\n"));
    CHECK(requests[0].ends_with(std::string("\r\n\r\nhello\0world", 15)));
    CHECK(requests[1].starts_with("GET /b HTTP/1.1\r\n"));
    CHECK(requests[1].ends_with("\r\n\r\n"));
}

TEST_CASE("where nobody listens, libcurl's own words say why") {
    Url url;
    {
        const RawServer server({});
        url = Url(server.url());
    }
    WebClient client({}, patience);
    const Error error = error_of([&] { return client.send({.url = url}); });
    CHECK(error.code == "server.unreachable");
    CHECK(error.kind == ErrorKind::transient);
    // How the port is said differs by version.
    CHECK(error.message.find("connect to 127.0.0.1") != std::string::npos);
}

TEST_CASE("a peer that reads nothing is given up") {
    std::promise<void> given_up;
    RawServer server({{.before = [&] { given_up.get_future().wait(); }}});
    WebClient client({}, {.connect = 5s, .stall = 50ms});
    const std::string more_than_the_kernel_takes = "\r\n\r\n" + std::string(std::size_t{32} << 20U, 'x');
    const Error error = error_of([&] {
        client.converse("127.0.0.1", Url(server.url()).port(), more_than_the_kernel_takes,
                        [](std::string_view) { return true; });
        return 0;
    });
    given_up.set_value();
    CHECK(error.code == "server.stalled");
    CHECK(error.kind == ErrorKind::transient);
}

TEST_CASE("libcurl takes patience of a month, which are more milliseconds than 31 bits hold") {
    RawServer server({{"HTTP/1.1 204 No Content\r\n\r\n"}});
    WebRequest request;
    request.url = server.url();
    WebClient client({}, {.connect = 24h * 30, .stall = 5s});
    CHECK(client.send(request).status == 204);
}

TEST_CASE("a server that is silent, or drips its headers, is given up") {
    const WebPatience impatient{.connect = 5s, .stall = 50ms};
    const std::string head = "HTTP/1.1 200 OK\r\n";
    for (const Reply& reply : {Reply{"", Reply::Then::wait}, Reply{head + "X-Half", Reply::Then::wait},
                               Reply{head + header_lines(1, 1000) + "\r\n", Reply::Then::drip}}) {
        CAPTURE(reply.bytes.substr(0, 25));
        const Error error = failure(reply, {}, impatient);
        CHECK(error.code == "server.stalled");
        CHECK(error.kind == ErrorKind::transient);
    }
}

TEST_CASE("libcurl is never given a header that would begin another one") {
    WebRequest request = GENERATE(values<WebRequest>({
        {.headers = {{"Authorization", "Bearer hunter2\r\nX-Other: 1"}}},
        {.headers = {{"X-To\r\nken", "hunter2"}}},
        {.signature = AwsSignature{"key", "hunter2", "hunter2\nX-Other: 1", "eu-west-1", "s3"}},
        {.offset = 5, .if_range = "\"hunter2\r\n\""},
        {.password = "hunter2\r\nX-Other: 1"},
    }));
    RawServer server({{"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"}});
    request.url = server.url();
    WebClient web({}, {.connect = 5s, .stall = 5s});
    const Error error = error_of([&] { return web.send(request); });
    CHECK(error.code == "http.bad_header");
    CHECK((error.message + error.advice).find("hunter2") == std::string::npos);
    CHECK(server.finish().empty());
}

TEST_CASE("a password without a user is a bearer token, and stays with its server") {
    RawServer other({{"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"}});
    RawServer server({{"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + other.url() + "\r\n\r\n"}});
    WebClient web({}, patience);
    const WebRequest request{.url = server.url(), .password = "hunter2", .follow_redirects = true};
    CHECK(web.send(request).status == 200);
    CHECK(joined(server.finish(), "").find("Authorization: Bearer hunter2\r\n") != std::string::npos);
    CHECK(joined(other.finish(), "").find("hunter2") == std::string::npos);
}

TEST_CASE("the time of a certificate is read, beyond 2038 too, and nothing else is taken for one") {
    using namespace std::chrono;
    CHECK(certificate_time("Nov 30 00:00:00 2026 GMT") == sys_days(2026y / November / 30));
    CHECK(certificate_time("Nov  3 01:02:03 2026 GMT") == sys_days(2026y / November / 3) + 1h + 2min + 3s);
    CHECK(certificate_time("Mar  1 00:00:00 2100 GMT") == sys_days(2100y / March / 1));
    for (const char* none :
         {"", "Nov 30 2026", "Nov 30 00:00:00 2026 CET", "Nov 30 00:00:00 2026 GMT+1", "2026-11-30"}) {
        CHECK_FALSE(certificate_time(none));
    }
}
