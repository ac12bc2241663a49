#pragma once

namespace bootwright {

/// The whole program that speaks to servers: reads a DownloadRequest from standard input, gives up all rights but to
/// write into one folder, and writes events to standard output, a JSON object a line: {"received": N} once N bytes of
/// the file are there, and at the end {"git": GitAnswer}, {"snapshot": {}}, {"answer": {status, headers, body}} or
/// {"error": ERROR}. The file may be read while it grows.
/// Returns the exit status.
int run_download_child();

}  // namespace bootwright
