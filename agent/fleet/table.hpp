#pragma once

#include "common/documents/json.hpp"

namespace bootwright {

/// Prints an overview for people: how many are how, each machine that needs a look, what the failed have in common, and which
/// revisions there are.
/// @param lists_all also the machines that are good, one by one
void print_overview(const Json& overview, bool lists_all);

}  // namespace bootwright
