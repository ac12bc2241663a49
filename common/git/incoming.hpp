#pragma once

#include "common/git/handles.hpp"

#include <filesystem>
#include <functional>

namespace bootwright::libgit2 {

/// Removes the files below `folder` for which `which` returns true.
void remove_files(const std::filesystem::path& folder, const std::function<bool(const std::filesystem::path&)>& which);

/// Removes what killed processes left: packs that were not published as a whole, and the locks of libgit2, which would
/// stop each later write for ever.
void remove_left_overs(const GitRepository::Handles& repository);

/// A folder of its own below `incoming`, on the file system of the packs. Destruction removes it.
class IncomingFolder {
public:
    explicit IncomingFolder(const GitRepository::Handles& repository);
    IncomingFolder(const IncomingFolder&) = delete;
    IncomingFolder& operator=(const IncomingFolder&) = delete;
    ~IncomingFolder();

    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

private:
    std::filesystem::path path_;
};

/// Moves the (synced) packs that stand in `folder` among those of the repository, and makes it see them.
void publish_packs(const std::filesystem::path& folder, GitRepository::Handles& repository);

}  // namespace bootwright::libgit2
