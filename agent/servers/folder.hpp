#pragma once

#include "common/net/url.hpp"

#include <cstddef>
#include <filesystem>
#include <string>

namespace bootwright {

/// A fresh folder for one transfer: the program that speaks to the server may write into it, and finds nothing of
/// another transfer there. It is below `downloads`, which is root's alone, and ends with this object. Root keeps what
/// came of an interrupted snapshot, so that the next transfer of the same snapshot from the same place resumes it.
class DownloadFolder {
public:
    /// The name, in that folder, of the file that is downloaded. Its ETag is in the file `tag_name`.
    static constexpr const char* file_name = "download";
    static constexpr const char* tag_name = "download.etag";
    /// The files of the release of that number, as frame_of() writes them.
    static std::string files_name(std::size_t release = 0) { return "download.files." + std::to_string(release); }

    /// Removes what a killed process has left in `downloads`. Call it when no other transfer is under way.
    /// @param snapshot as snapshot_name() makes it; what was kept of it is there again. "": nothing is kept
    /// @throws Error io.*
    explicit DownloadFolder(std::filesystem::path downloads, std::string snapshot = "");
    DownloadFolder(const DownloadFolder&) = delete;
    DownloadFolder& operator=(const DownloadFolder&) = delete;
    ~DownloadFolder();

    [[nodiscard]] const std::filesystem::path& path() const { return path_; }
    [[nodiscard]] std::filesystem::path file() const { return path_ / file_name; }
    [[nodiscard]] std::filesystem::path files(std::size_t release = 0) const { return path_ / files_name(release); }

    /// Keeps what came. Beyond 1 GiB in all, removes the largest. Call it once nobody writes there any more.
    void keep_partial() const;

private:
    std::filesystem::path downloads_;
    std::string snapshot_;
    std::filesystem::path path_;
};

/// Names a snapshot of `revision`, a full commit id, at a place.
std::string snapshot_name(const std::string& revision, const Url& place);

/// Forgets what is kept in `downloads`, except snapshots of `revision` ("": without exception). @throws Error io.*
void forget_partials(const std::filesystem::path& downloads, const std::string& revision);

}  // namespace bootwright
