#pragma once

namespace bootwright {

/// The whole program that speaks to servers: reads a DownloadRequest from standard input, gives up all rights but to write
/// into one folder, and writes events to standard output, a JSON object a line: {"received": N} once so many bytes of
/// the file stand there, and at the end {"git": GitAnswer}, {"snapshot": {}}, {"answer": {status, headers, body}} or
/// {"error": ERROR}. Who reads the file may do so while it grows.
/// Returns the exit status.
int run_download_child();

}  // namespace bootwright
