#pragma once

#include "common/base/error.hpp"

#include <stdexcept>

namespace bootwright {

/// The Error that `action` throws. One that throws nothing fails the test, by the exception that comes instead.
template <typename Action>
Error error_of(Action&& action) {
    try {
        static_cast<void>(action());
    } catch (const Error& error) {
        return error;
    }
    throw std::logic_error("no Error was thrown");
}

}  // namespace bootwright
