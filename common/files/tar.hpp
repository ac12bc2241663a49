#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace bootwright {

/// A file that is packed.
struct PackedFile {
    std::string path;  ///< relative: "runs/12.json"
    std::string content;
};

/// Packs the files into one folder `top`, as a .tar.gz that replaces `file` as a whole. It is for its owner alone, and so is
/// what is unpacked. @param time of all files, in seconds since 1970
/// @throws Error io.*; io.failed for a path of more than 255 bytes, or without a slash where it has to be cut in two
void write_tar_gz(const std::filesystem::path& file, const std::string& top, const std::vector<PackedFile>& files,
                  std::int64_t time);

}  // namespace bootwright
