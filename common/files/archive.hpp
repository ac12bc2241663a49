#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

namespace bootwright {

/// A regular file of an archive.
struct ArchivedFile {
    std::string path;            ///< below the one top folder: "manifests/init.pp"
    bool is_executable = false;  ///< its owner may execute it
    std::string content;
};

/// How much an archive may hold.
struct ArchiveLimits {
    std::size_t files = 20'000;  ///< folders included
    std::uint64_t bytes = std::uint64_t{128} << 20U;
    std::uint64_t bytes_of_file = std::uint64_t{64} << 20U;
    std::size_t path = 500;
    std::size_t depth = 30;
};

/// Port: libarchive. Reads a .tar.gz, all of which lies in one folder, as releases of the Puppet Forge do. Empty folders are
/// passed over.
/// @param take gets the files in the archive's order, and may get the same path twice
/// @throws Error archive.invalid (permanent): damaged, too large, or with anything but folders and plain files at
///   plain paths; what `take` throws
void read_archive(const std::filesystem::path& file, const ArchiveLimits& limits,
                  const std::function<void(const ArchivedFile&)>& take);

}  // namespace bootwright
