#pragma once

#include "common/base/error.hpp"

#include <optional>
#include <string>

namespace bootwright {

/// The error, if a value could not be decrypted for want of a gem or of the right key: that is the machine's fault and not the
/// revision's. Returns nullopt for any other reason. @param reason what Puppet gave up with, fit to be shown
std::optional<Error> eyaml_failure(const std::string& reason);

}  // namespace bootwright
