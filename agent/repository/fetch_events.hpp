#pragma once

#include "agent/repository/checkout.hpp"
#include "common/git/git.hpp"

#include <functional>

namespace bootwright {

/// The progress of a fetch.
struct FetchEvents {
    GitProgress progress;
    std::function<void(const PlaceAnswer& answer)> heard;
};

}  // namespace bootwright
