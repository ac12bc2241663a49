#pragma once

#include <cstddef>
#include <functional>

namespace bootwright {

/// Calls `work` with each number below `count`, with `most` of them at once, and returns when all have ended. For work that
/// mostly waits; WorkQueue is for what keeps processors busy. If the system gives no thread, the calling one does it all.
/// @throws the first exception of a piece of work; none begins after that
void side_by_side(std::size_t count, std::size_t most, const std::function<void(std::size_t number)>& work);

}  // namespace bootwright
