#include "common/web.hpp"

#include "common/error.hpp"
#include "test/fakes/errors.hpp"
#include "test/fakes/raw_server.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <string>

using namespace bootwright;
using namespace std::chrono_literals;

TEST_CASE("libcurl is never given a header that would begin another one") {
    WebRequest request = GENERATE(values<WebRequest>({
        {.headers = {{"Authorization", "Bearer hunter2\r\nX-Other: 1"}}},
        {.headers = {{"X-To\r\nken", "hunter2"}}},
        {.signature = AwsSignature{"key", "hunter2", "hunter2\nX-Other: 1", "eu-west-1", "s3"}},
        {.offset = 5, .if_range = "\"hunter2\r\n\""},
    }));
    RawServer server({{"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"}});
    request.url = server.url();
    CurlWebClient web({}, {.connect = 5s, .stall = 5s});
    const Error error = error_of([&] { return web.send(request); });
    CHECK(error.code == "http.bad_header");
    CHECK((error.message + error.advice).find("hunter2") == std::string::npos);
    CHECK(server.finish().empty());
}
