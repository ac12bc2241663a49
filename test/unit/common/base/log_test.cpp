#include "common/base/log.hpp"

#include "common/files/file.hpp"

#include <catch2/catch_test_macros.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <string>

using namespace bootwright;

namespace {

/// What is written to standard error while it lives.
class CapturedErrors {
public:
    CapturedErrors() : saved_(dup(STDERR_FILENO)) {
        std::array<int, 2> ends{};
        REQUIRE(pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) == 0);
        read_end_ = UniqueFd(ends[0]);
        const UniqueFd write_end(ends[1]);
        dup2(write_end.get(), STDERR_FILENO);
    }
    CapturedErrors(const CapturedErrors&) = delete;
    CapturedErrors& operator=(const CapturedErrors&) = delete;
    ~CapturedErrors() { dup2(saved_.get(), STDERR_FILENO); }

    [[nodiscard]] std::string text() const {
        std::array<char, 4096> buffer{};
        const ssize_t count = read(read_end_.get(), buffer.data(), buffer.size());
        return {buffer.data(), static_cast<std::size_t>(count < 0 ? 0 : count)};
    }

private:
    UniqueFd saved_;
    UniqueFd read_end_;
};

}  // namespace

TEST_CASE("a message is one line, whatever stands in it") {
    const CapturedErrors errors;
    log(LogLevel::warning, "first\nsecond\r\x1b[31mred\x7f ü");
    const std::string text = errors.text();
    CHECK(text.ends_with("first?second??[31mred? ü\n"));
    CHECK(text.find('\n') == text.size() - 1);
}
