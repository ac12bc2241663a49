#pragma once

#include "agent/doctor/patient.hpp"
#include "agent/repository/modules_request.hpp"

#include <chrono>
#include <optional>
#include <stop_token>

namespace bootwright {

/// Has bootwright-fetch ask `wish.url` for a revision, as a run would ask, but into a temporary folder.
/// @param pin of the repository, for the settings
/// @return why the revision cannot be had; nullopt if it can @throws Error io.*, stopped; and as request_for
std::optional<Error> why_not_had(const Patient& patient, const RepositoryPin& pin, const ModuleWish& wish,
                                 std::chrono::milliseconds limit, std::stop_token stop);

}  // namespace bootwright
