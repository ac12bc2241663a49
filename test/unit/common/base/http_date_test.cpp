#include "common/base/http_date.hpp"
#include "common/base/clock.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;

TEST_CASE("the date of an HTTP answer is read, and anything else is none") {
    CHECK(to_iso8601(parse_http_date("Sun, 22 Nov 2026 21:31:32 GMT").value()) == "2026-11-22T21:31:32.000Z");
    CHECK(to_iso8601(parse_http_date("Thu, 01 Jan 2099 00:00:00 GMT").value()) == "2099-01-01T00:00:00.000Z");
    for (const char* text : {"", "now", "Sun, 22 Nov 2026 21:31:32", "Sun, 22 Nov 2026 21:31:32 GMT+1", "1795383092"}) {
        CAPTURE(text);
        CHECK(parse_http_date(text) == std::nullopt);
    }
}
