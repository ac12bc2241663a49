#pragma once

#include "common/base/error.hpp"
#include "common/net/web.hpp"

#include <cstddef>
#include <string>

namespace bootwright {

/// The most bytes that are read of a receiver's answer.
inline constexpr std::size_t most_of_answer = std::size_t{16} << 10U;

/// A receiver's answer in words, from its HTTP status. They hold nothing of its URL.
/// @throws Error announce.unavailable (transient), announce.refused (permanent)
std::string read_answer(const WebResponse& response);

/// The error announce.unavailable (transient). It waits as the answer asks, but not longer than the next run allows.
Error unavailable(const WebResponse& response, const std::string& what);

}  // namespace bootwright
