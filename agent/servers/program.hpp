#pragma once

namespace bootwright {

/// The whole program that speaks to servers: reads a DownloadRequest from standard input, gives up all rights but to
/// write into one folder, and writes events to standard output, a JSON object a line: {"received": N} once N bytes of
/// the file are there, {"release": N} once the files of that release are, and at the end {"git": GitAnswer},
/// {"snapshot": {}}, {"file": {sha256}}, {"releases": {}}, {"answer": {status, headers, body}}, {"r10k": {}} or
/// {"error": ERROR}. The file may be read while it grows.
/// Returns the exit status.
int run_download_child();

}  // namespace bootwright
