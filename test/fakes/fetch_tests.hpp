#pragma once

// For the tests of a fetch: whether a repository was set aside, and what is written.

#include "test/fakes/fetch_world.hpp"

#include <filesystem>
#include <sstream>
#include <string>

namespace bootwright::fetch_tests {

using World = FetchWorld;

/// What is written to a standard stream while it lives.
class Captured {
public:
    explicit Captured(std::ostream& stream) : stream_(stream), before_(stream.rdbuf(text_.rdbuf())) {}
    Captured(const Captured&) = delete;
    Captured& operator=(const Captured&) = delete;
    ~Captured() { stream_.rdbuf(before_); }
    [[nodiscard]] std::string text() const { return text_.str(); }

private:
    std::ostringstream text_{};
    std::ostream& stream_;
    std::streambuf* before_;
};

inline bool has_damaged(const World& world) {
    return std::filesystem::exists(world.repository().string() + ".damaged");
}

}  // namespace bootwright::fetch_tests
