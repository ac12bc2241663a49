#pragma once

#include "agent/repository/fetch_events.hpp"
#include "agent/repository/snapshot_request.hpp"
#include "common/processes/process.hpp"

namespace bootwright {

/// Writes REVISION.bundle: the commit with its tree, its modules with theirs, and the annotated tags that lead to it. Or looks
/// into one: every object is hashed, and the revision must be complete. Runs in the child.
/// @throws Error repository.*, io.*
Snapshot take_snapshot(const SnapshotRequest& request, ProcessRunner& processes, const FetchEvents& events);

}  // namespace bootwright
