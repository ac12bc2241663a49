#include "common/base/log.hpp"

#include "test/fakes/captured_errors.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>

using namespace bootwright;

TEST_CASE("a message is one line, whatever stands in it") {
    const CapturedErrors errors;
    log(LogLevel::warning, "first\nsecond\r\x1b[31mred\x7f ü");
    const std::string text = errors.text();
    CHECK(text.ends_with("first second ?[31mred? ü\n"));
    CHECK(text.find('\n') == text.size() - 1);
}
