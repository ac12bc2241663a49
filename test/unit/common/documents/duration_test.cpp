#include "common/documents/duration.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <regex>

using namespace bootwright;
using namespace std::chrono_literals;

TEST_CASE("durations have a whole number and a unit") {
    struct Row {
        const char* text;
        std::optional<std::chrono::milliseconds> wanted;
    };
    const Row row = GENERATE(values<Row>({
        {"0s", 0ms},  {"500ms", 500ms}, {"30s", 30s},  {"5m", 5min}, {"2h", 2h},         {"1d", 24h},
        {"007s", 7s}, {"", {}},         {"5", {}},     {"s", {}},    {"-5s", {}},        {"+5s", {}},
        {" 5s", {}},  {"5s ", {}},      {"5 s", {}},   {"1.5h", {}}, {"5S", {}},         {"5min", {}},
        {"5sec", {}}, {"1h30m", {}},    {"0x10s", {}}, {"1e3s", {}}, {"5\xC2\xB5s", {}}, {"99999999999999999999s", {}},
    }));
    CAPTURE(row.text);
    CHECK(parse_duration(row.text) == row.wanted);
    const bool is_in_words = std::regex_match(row.text, std::regex(std::string(duration_pattern)));
    CHECK((is_in_words || !row.wanted));
}

TEST_CASE("a duration that is accepted can be added to a clock without overflow") {
    // Clocks count nanoseconds in 64 bits: 292 years.
    for (const char* text : {"1000000000ms", "1000000000s", "1000000000m", "1000000000h", "1000000000d", "200000d"}) {
        CAPTURE(text);
        const auto duration = parse_duration(text);
        CHECK((!duration || *duration < 24h * 365 * 100));
    }
}

TEST_CASE("a duration is written as people write it") {
    CHECK(written(0ms) == "0s");
    CHECK(written(250ms) == "250ms");
    CHECK(written(1s) == "1s");
    CHECK(written(90s) == "90s");
    CHECK(written(15min) == "15m");
    CHECK(written(1h) == "1h");
    CHECK(written(48h) == "2d");
    CHECK(written(1500ms) == "1500ms");
}
