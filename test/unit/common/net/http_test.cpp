#include "common/net/http.hpp"

#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/files/file.hpp"
#include "test/fakes/errors.hpp"
#include "test/fakes/raw_server.hpp"
#include "test/fakes/temporary_root.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace bootwright;
using namespace std::chrono_literals;

namespace {

Error failure(const Reply& reply, HttpRequest request = {}) {
    RawServer server({reply});
    request.url = server.url();
    NetworkHttpClient client;
    return error_of([&] { return client.send(request, {}); });
}

}  // namespace

TEST_CASE("an answer has its status, its headers in lower case, and its body") {
    RawServer server({{answer("200 OK", "{\"a\": 1}", "X-One:  two \r\nRETRY-After: 7\r\n")}});
    NetworkHttpClient client;
    const HttpResponse response =
        client.send({.url = server.url("/latest/user-data?x=1"), .headers = {{"X-Token", "abc"}}}, {});
    CHECK(response.status == 200);
    CHECK(response.body == "{\"a\": 1}");
    CHECK(response.headers.at("x-one") == "two");
    CHECK(response.headers.at("retry-after") == "7");
    const std::string request = server.finish().at(0);
    CHECK(request.starts_with("GET /latest/user-data?x=1 HTTP/1.1\r\n"));
    CHECK(request.find("X-Token: abc\r\n") != std::string::npos);
    CHECK(request.find("Expect:") == std::string::npos);
}

TEST_CASE("the method is sent as asked, without a body") {
    RawServer server({{answer("200 OK", "token")}});
    NetworkHttpClient client;
    CHECK(client.send({.method = "PUT", .url = server.url("/latest/api/token")}, {}).body == "token");
    const std::string request = server.finish().at(0);
    CHECK(request.starts_with("PUT /latest/api/token HTTP/1.1\r\n"));
    CHECK(request.ends_with("\r\n\r\n"));
}

TEST_CASE("a header that would begin another one is never sent") {
    RawServer server({{answer("200 OK", "")}});
    NetworkHttpClient client;
    const HttpRequest request{.url = server.url(), .headers = {{"X-Good", "1"}, {"X-Token", "hunter2\r\nX-Other: 1"}}};
    CHECK(error_of([&] { return client.send(request, {}); }).code == "http.bad_header");
    CHECK(server.finish().empty());
}

TEST_CASE("every status is an answer, not an error") {
    const auto* line = GENERATE("204 No Content", "404 Not Found", "401 Unauthorized", "500 Internal Server Error",
                                "503 Service Unavailable", "418 I'm a teapot");
    RawServer server({{answer(line, "")}});
    NetworkHttpClient client;
    CHECK(client.send({.url = server.url()}, {}).status == std::stoi(line));
}

TEST_CASE("a redirect is not followed") {
    RawServer server({{answer("302 Found", "", "Location: http://127.0.0.1:1/elsewhere\r\n")}});
    NetworkHttpClient client;
    const HttpResponse response = client.send({.url = server.url()}, {});
    CHECK(response.status == 302);
    CHECK(server.finish().size() == 1);
}

TEST_CASE("a proxy of the environment is not used") {
    setenv("http_proxy", "http://127.0.0.1:1/", 1);
    setenv("all_proxy", "http://127.0.0.1:1/", 1);
    RawServer server({{answer("200 OK", "direct")}});
    NetworkHttpClient client;
    const std::string body = client.send({.url = server.url()}, {}).body;
    unsetenv("http_proxy");
    unsetenv("all_proxy");
    CHECK(body == "direct");
}

TEST_CASE("nothing of a request leaks into the next, and each has its connection") {
    RawServer server({{answer("200 OK", "one")}, {answer("404 Not Found", "")}, {answer("200 OK", "three")}});
    NetworkHttpClient client;
    CHECK(client.send({.method = "PUT", .url = server.url("/1"), .headers = {{"X-Token", "abc"}}}, {}).body == "one");
    const HttpResponse second = client.send({.url = server.url("/2")}, {});
    CHECK(second.status == 404);
    CHECK(second.body.empty());
    CHECK(client.send({.url = server.url("/3")}, {}).body == "three");
    const auto& requests = server.finish();
    REQUIRE(requests.size() == 3);
    CHECK(requests[0].find("Connection: close\r\n") != std::string::npos);
    CHECK(requests[1].starts_with("GET /2 "));
    CHECK(requests[1].find("X-Token") == std::string::npos);
    CHECK(server.connections() == 3);
}

TEST_CASE("an answer in chunks is put together") {
    RawServer server({{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n4\r\n two\r\n0\r\n\r\n"}});
    NetworkHttpClient client;
    CHECK(client.send({.url = server.url()}, {}).body == "one two");
}

TEST_CASE("what the URL says goes where it belongs") {
    RawServer server({{answer("200 OK", "")}, {answer("200 OK", "")}});
    const std::string authority = server.url("").substr(std::string("http://").size());
    NetworkHttpClient client;
    client.send({.url = "http://" + authority + "?q=a%20b"}, {});
    client.send({.url = "http://localhost:" + split(authority, ':').back()}, {});
    const auto& requests = server.finish();
    REQUIRE(requests.size() == 2);
    CHECK(requests[0].starts_with("GET /?q=a%20b HTTP/1.1\r\n"));
    CHECK(requests[0].find("Host: " + authority + "\r\n") != std::string::npos);
    CHECK(requests[1].starts_with("GET / HTTP/1.1\r\nHost: localhost:"));
}

TEST_CASE("an answer beyond the limit is refused, with and without a length") {
    HttpRequest request;
    request.max_bytes = 1000;
    const std::string body(1001, 'x');
    for (const std::string& bytes : each_framing_of(body)) {
        const Error error = failure({bytes}, request);
        CHECK(error.code == "http.too_large");
        CHECK(error.kind == ErrorKind::permanent);
    }
    RawServer server({{answer("200 OK", std::string(1000, 'x'))}});
    NetworkHttpClient client;
    CHECK(client.send({.url = server.url(), .max_bytes = 1000}, {}).body.size() == 1000);
}

TEST_CASE("an answer that breaks off is no answer") {
    for (const char* bytes : {"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", "",
                              "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nhalf"}) {
        CAPTURE(bytes);
        const Error error = failure({bytes});
        CHECK(error.code == "http.truncated");
        CHECK(error.kind == ErrorKind::transient);
    }
}

TEST_CASE("what is not HTTP is a transient error") {
    for (const char* bytes : {"SSH-2.0-OpenSSH_9.2\r\n", "HTTP/1.1 OK\r\n\r\n", "\r\n\r\n\r\n"}) {
        CAPTURE(bytes);
        CHECK(failure({bytes}).kind == ErrorKind::transient);
    }
}

TEST_CASE("a service that is silent, or slow, is given up at the time limit") {
    for (const char* bytes : {"", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"}) {
        CAPTURE(bytes);
        HttpRequest request;
        request.timeout = 30ms;
        const Error error = failure({bytes, Reply::Then::wait}, request);
        CHECK(error.code == "http.timeout");
        CHECK(error.kind == ErrorKind::transient);
    }
}

TEST_CASE("a service that drips its answer, its headers or its body, is given up at the time limit") {
    const std::string padding(2000, 'x');
    for (const std::string& bytes :
         {"HTTP/1.1 200 OK\r\nX-Padding: " + padding + "\r\nContent-Length: 0\r\n\r\n", answer("200 OK", padding)}) {
        CAPTURE(bytes.substr(0, 30));
        HttpRequest request;
        request.timeout = 30ms;
        CHECK(failure({bytes, Reply::Then::drip}, request).code == "http.timeout");
    }
}

TEST_CASE("headers beyond 64 KiB are refused, whether it is one or many, and fewer are not") {
    RawServer server({{answer("200 OK", "body", header_lines(60, 1000))}});
    NetworkHttpClient client;
    CHECK(client.send({.url = server.url()}, {}).body == "body");
    for (const std::string& headers : {header_lines(1, 70'000), header_lines(120, 1000)}) {
        const Error error = failure({answer("200 OK", "body", headers)});
        CHECK(error.code == "http.too_large");
        CHECK(error.kind == ErrorKind::permanent);
    }
}

TEST_CASE("a port where nobody listens is unreachable") {
    RawServer server({});
    const std::string url = server.url();
    server.finish();
    NetworkHttpClient client;
    // The listener is shut down: the connection is refused.
    const Error error = error_of([&] { return client.send({.url = url, .timeout = 1000ms}, {}); });
    CHECK(error.code == "http.unreachable");
    CHECK(error.kind == ErrorKind::transient);
}

TEST_CASE("a URL that is none of ours is a permanent error, which shows no credentials") {
    NetworkHttpClient client;
    for (const char* url : {"file:///etc/passwd", "https://user:hunter2@127.0.0.1/", "http://user:hunter2@127.0.0.1/",
                            "ssh://127.0.0.1/", ""}) {
        CAPTURE(url);
        const Error error = error_of([&] { return client.send({.url = url}, {}); });
        CHECK(error.code == "http.bad_url");
        CHECK(error.kind == ErrorKind::permanent);
        CHECK(error.message.find("hunter2") == std::string::npos);
    }
}

TEST_CASE("a name that nobody knows is unreachable") {
    NetworkHttpClient client;
    CHECK(error_of([&] { return client.send({.url = "http://no-such-host.invalid/"}, {}); }).code ==
          "http.unreachable");
}

TEST_CASE("the address of a network interface is understood") {
    NetworkHttpClient client;
    for (const char* url : {"http://[::1]:1/", "http://[fe80::1%25lo]:1/"}) {
        CAPTURE(url);
        const Error error = error_of([&] { return client.send({.url = url, .timeout = 1000ms}, {}); });
        CHECK(error.code == "http.unreachable");
        CHECK(error.message.find("Host not found") == std::string::npos);
    }
}

TEST_CASE("a stop ends the exchange") {
    std::stop_source stop;
    NetworkHttpClient client;
    {
        // The stop comes while the answer is still arriving.
        RawServer server(
            {{"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", Reply::Then::close, [&] { stop.request_stop(); }}});
        CHECK(error_of([&] { return client.send({.url = server.url()}, stop.get_token()); }).kind ==
              ErrorKind::stopped);
    }
    RawServer server({{answer("200 OK", "never"), Reply::Then::wait}});
    CHECK(error_of([&] { return client.send({.url = server.url()}, stop.get_token()); }).kind == ErrorKind::stopped);
}

TEST_CASE("more headers than anybody sends are not kept") {
    RawServer server({{answer("200 OK", "body", header_lines(500, 1))}});
    NetworkHttpClient client;
    const HttpResponse response = client.send({.url = server.url()}, {});
    CHECK(response.body == "body");
    CHECK(response.headers.size() <= 100);
}

namespace {

using Race = HttpRace;

Race race(
    const std::vector<HttpRequest>& requests, std::chrono::milliseconds stagger,
    const HttpClient::Accepts& accepts = [](std::size_t, const HttpResponse& response) {
        return response.status == 200;
    }) {
    NetworkHttpClient client;
    return client.race(requests, stagger, accepts, {});
}

/// Nobody listens there.
constexpr const char* refused_url = "http://127.0.0.1:1/";

}  // namespace

TEST_CASE("in a race the second is asked at once where the first cannot be reached, however long it was to wait") {
    RawServer server({{answer("200 OK", "second")}});
    const Race result = race({{.url = refused_url}, {.url = server.url()}}, 10min);
    REQUIRE(result.winner == 1);
    CHECK(result.responses[1]->body == "second");
    CHECK(result.errors[0]->code == "http.unreachable");
}

TEST_CASE("in a race the second is asked after a while where the first is silent, which is then dropped") {
    RawServer silent({{"", Reply::Then::wait}});
    RawServer server({{answer("200 OK", "second")}});
    const Race result = race({{.url = silent.url()}, {.url = server.url()}}, 10ms);
    REQUIRE(result.winner == 1);
    CHECK_FALSE(result.responses[0]);
    CHECK_FALSE(result.errors[0]);
}

TEST_CASE("the second is never asked where the first answers in time") {
    RawServer server({{answer("200 OK", "first")}});
    RawServer other({{answer("200 OK", "second")}});
    CHECK(race({{.url = server.url()}, {.url = other.url()}}, 10min).winner == 0);
    CHECK(other.finish().empty());
}

TEST_CASE("an answer that is not accepted does not win, and all that was said is told") {
    RawServer busy({{answer("500 Busy", "")}});
    RawServer server({{answer("404 No", "none")}});
    const Race result = race({{.url = busy.url()}, {.url = refused_url}, {.url = server.url()}}, 0ms);
    CHECK_FALSE(result.winner);
    CHECK(result.responses[0]->status == 500);
    CHECK(result.errors[1]->code == "http.unreachable");
    CHECK(result.responses[2]->status == 404);
    CHECK_FALSE(race({}, 0ms).winner);
}

TEST_CASE("a stop ends a race in which everybody is silent, at once") {
    std::stop_source stop;
    RawServer silent({{"", Reply::Then::wait, [&] { stop.request_stop(); }}});
    NetworkHttpClient client;
    // Without the wake-up it would be seen only at the time limit.
    CHECK(error_of([&] { return client.send({.url = silent.url(), .timeout = 10min}, stop.get_token()); }).kind ==
          ErrorKind::stopped);
}

TEST_CASE("HTTP is spoken over a socket in the file system") {
    const TemporaryRoot root;
    const std::string path = root.path("/sock").string();
    const UniqueFd listener(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    REQUIRE(path.size() < sizeof address.sun_path);
    std::copy(path.begin(), path.end(), std::begin(address.sun_path));
    REQUIRE(bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(listen(listener.get(), 1) == 0);
    std::thread server([&] {
        const UniqueFd connection(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
        std::array<char, 4096> buffer{};
        recv(connection.get(), buffer.data(), buffer.size(), 0);
        const std::string text = answer("200 OK", "over the socket");
        send(connection.get(), text.data(), text.size(), MSG_NOSIGNAL);
    });
    NetworkHttpClient client;
    const HttpResponse response = client.send({.url = "http://lxd/1.0/meta-data", .unix_socket = path}, {});
    server.join();
    CHECK(response.body == "over the socket");
}

TEST_CASE("a request from a privileged port comes from below 1024, or, without the right to it, not at all") {
    const UniqueFd listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    REQUIRE(bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), size) == 0);
    REQUIRE(listen(listener.get(), 1) == 0);
    REQUIRE(getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
    const std::string url = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/";
    NetworkHttpClient client;
    if (geteuid() != 0) {
        CHECK(error_of([&] { return client.send({.url = url, .privileged_port = true}, {}); }).code ==
              "http.unreachable");
        return;
    }
    int port = 0;
    std::thread server([&] {
        sockaddr_in peer{};
        socklen_t peer_size = sizeof peer;
        const UniqueFd connection(
            accept4(listener.get(), reinterpret_cast<sockaddr*>(&peer), &peer_size, SOCK_CLOEXEC));
        port = ntohs(peer.sin_port);
        std::array<char, 4096> buffer{};
        recv(connection.get(), buffer.data(), buffer.size(), 0);
        const std::string text = answer("200 OK", "");
        send(connection.get(), text.data(), text.size(), MSG_NOSIGNAL);
    });
    CHECK(client.send({.url = url, .privileged_port = true}, {}).status == 200);
    server.join();
    CHECK(port > 0);
    CHECK(port < 1024);
}
