#pragma once

#include "agent/repository/checkout.hpp"
#include "common/git/git.hpp"

#include <functional>

namespace bootwright {

/// What is told of a fetch while it goes on.
struct FetchEvents {
    GitProgress progress;
    std::function<void(const PlaceAnswer& answer)> heard;
};

}  // namespace bootwright
