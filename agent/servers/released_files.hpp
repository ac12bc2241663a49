#pragma once

#include "common/files/archive.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace bootwright {

/// How the program without rights hands over the files of a release: each as "100644 SIZE PATH", a zero byte, and its
/// bytes; "100755" of what its owner may execute.
std::string frame_of(const ArchivedFile& file);

/// Reads them again, and believes nothing.
class ReleasedFilesReader {
public:
    using Take = std::function<void(const ArchivedFile& file)>;

    explicit ReleasedFilesReader(const ArchiveLimits& limits) : limits_(limits) {}

    /// @throws Error repository.fetch_crashed (transient)
    void feed(std::string_view bytes, const Take& take);
    /// @throws as feed, if a file lacks its end
    void finish() const;

private:
    void read_head();

    ArchiveLimits limits_;
    std::string head_{};
    ArchivedFile file_{};
    std::uint64_t wanted_ = 0;  // bytes of the file
    bool is_in_file_ = false;
    std::size_t files_ = 0;
    std::uint64_t bytes_ = 0;
};

}  // namespace bootwright
