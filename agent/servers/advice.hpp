#pragma once

#include "common/base/error.hpp"

namespace bootwright {

/// Adds advice to an error of `common`, which does not know its caller's purpose. An error with advice stays as it is.
Error advised(Error error);

}  // namespace bootwright
