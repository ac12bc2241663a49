#pragma once

#include "agent/fleet/machine.hpp"

#include <chrono>
#include <string>
#include <vector>

namespace bootwright {

/// The whole fleet as one document, which the table, --json and the page are made of; docs/fleet.md lists its keys. Machines
/// are sorted by what needs attention.
/// @param now when they were asked, by this machine's clock
Json overview_of(std::vector<Machine> machines, std::chrono::system_clock::time_point now);

/// What has become other than it was, from one overview to the next: a line for each such machine.
std::vector<std::string> changes_between(const Json& before, const Json& after);

}  // namespace bootwright
