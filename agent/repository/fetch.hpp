#pragma once

#include "agent/repository/checkout.hpp"
#include "agent/repository/fetch_request.hpp"
#include "common/git.hpp"

namespace bootwright {

/// Brings the revision to disk: into the repository, unless it is there, then into a checkout of its own, unless one is
/// there and is proven equal. A damaged repository is set aside (NAME.git.damaged) and fetched afresh.
/// Runs in the child: libgit2 may hang or crash, and the parent survives that.
/// @throws Error repository.*, io.*
Checkout fetch_checkout(const FetchRequest& request, const GitProgress& progress);

/// The whole child: reads the request from standard input and writes events to standard output, a JSON object a line:
/// {"progress": {what, done, total}}, and at the end {"checkout": {revision, folder}} or {"error": ERROR}.
/// Returns the exit status.
int run_fetch_child();

}  // namespace bootwright
