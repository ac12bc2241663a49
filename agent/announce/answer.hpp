#pragma once

#include "common/base/error.hpp"
#include "common/net/web.hpp"

#include <cstddef>
#include <string>

namespace bootwright {

/// Bytes that are read of what a receiver says.
inline constexpr std::size_t most_of_answer = std::size_t{16} << 10U;

/// What a receiver said to it by its HTTP status, in words that hold nothing of its URL.
/// @throws Error announce.unavailable (transient), announce.refused (permanent)
std::string read_answer(const WebResponse& response);

/// The error announce.unavailable (transient), which waits as long as the answer asks, but no longer than the next run allows.
Error unavailable(const WebResponse& response, const std::string& what);

}  // namespace bootwright
