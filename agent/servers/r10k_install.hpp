#pragma once

#include "agent/servers/request.hpp"
#include "common/documents/json.hpp"

namespace bootwright {

/// Has r10k install what the request's Puppetfile asks for, in the program that speaks to servers. Returns its last event.
/// The Puppetfile is Ruby, and r10k runs it: nothing in here is trusted, and only the passwords of its own URLs are
/// secret. git reads those from a file, since everybody can read its arguments.
/// @throws Error repository.r10k_failed (transient), io.*
Json install_by_r10k(const DownloadRequest& request);

}  // namespace bootwright
