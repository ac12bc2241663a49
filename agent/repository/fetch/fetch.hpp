#pragma once

#include "agent/repository/checkout.hpp"
#include "agent/repository/fetch_request.hpp"
#include "agent/repository/sources/mirrors.hpp"
#include "common/processes/process.hpp"

namespace bootwright {

/// Brings the revision to disk: into a repository of this machine, then into a checkout of its own, modules included.
/// Does nothing if the checkout is there already and proven equal. Sets a damaged repository aside (NAME.git.damaged)
/// and fetches it afresh, without the seed. Runs in the child: libgit2 may hang or crash, and the parent survives that.
/// @throws Error repository.*, io.*
Checkout fetch_checkout(const FetchRequest& request, ProcessRunner& processes, const FetchEvents& events);

/// The whole child: reads the request from standard input and writes events to standard output, a JSON object a line:
/// {"progress": {what, done, total}}, {"place": {place, said, seconds, module}}, and at the end {"checkout": {revision,
/// signer, words}} or {"error": ERROR}. A SnapshotRequest is answered with {"snapshot": Snapshot} instead of the checkout,
/// a BetweenRequest with {"between": Between}.
/// Returns the exit status.
int run_fetch_child();

}  // namespace bootwright
