#pragma once

#include "agent/servers/advice.hpp"
#include "common/base/error.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace bootwright {

/// Ends the program where `holds` is false: libFuzzer then keeps the input.
inline void require(bool holds, const char* what, std::string_view seen) {
    if (!holds) {
        std::fprintf(stderr, "%s: %.*s\n", what, static_cast<int>(seen.size()), seen.data());
        std::abort();
    }
}

/// What holds for every error, whatever the input: it can be shown on a terminal and in a status.
inline void check_error(const Error& error) {
    const std::string text = error.message + error.advice;
    constexpr std::size_t longest = 20'000;
    require(text.size() <= longest, "an error as long as its input", error.code);
    require(!advised(error).advice.empty(), "an error without an advice", error.code);
    for (const char c : text) {
        require(static_cast<unsigned char>(c) >= ' ' && c != '\x7F', "an error with control characters", text);
    }
}

/// Runs `action`: nothing but an Error escapes it, and the error is `is_expected`.
template <typename Action, typename IsExpected>
void fuzz(Action&& action, IsExpected&& is_expected) {
    try {
        action();
    } catch (const Error& error) {
        check_error(error);
        require(is_expected(error), "an error that nobody expects", error.code + ": " + error.message);
    }
}

}  // namespace bootwright
