#pragma once

#include "common/base/error.hpp"

namespace bootwright {

/// Says what to do about an error of `common`, which does not know what it was asked for. An error with advice stays as it is.
Error advised(Error error);

}  // namespace bootwright
