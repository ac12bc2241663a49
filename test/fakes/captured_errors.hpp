#pragma once

#include "common/files/file.hpp"

#include <catch2/catch_test_macros.hpp>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <string>

namespace bootwright {

/// What is written to standard error, where the log goes, while it lives.
class CapturedErrors {
public:
    CapturedErrors() : saved_(fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0)), written_(memfd_create("errors", MFD_CLOEXEC)) {
        REQUIRE(saved_);
        REQUIRE(dup2(written_.get(), STDERR_FILENO) == STDERR_FILENO);
    }
    CapturedErrors(const CapturedErrors&) = delete;
    CapturedErrors& operator=(const CapturedErrors&) = delete;
    ~CapturedErrors() { dup2(saved_.get(), STDERR_FILENO); }

    [[nodiscard]] std::string text() const {
        std::string text;
        std::array<char, 4096> buffer{};
        while (const ssize_t count =
                   pread(written_.get(), buffer.data(), buffer.size(), static_cast<off_t>(text.size()))) {
            REQUIRE(count > 0);
            text.append(buffer.data(), static_cast<std::size_t>(count));
        }
        return text;
    }

private:
    UniqueFd saved_;
    UniqueFd written_;
};

}  // namespace bootwright
