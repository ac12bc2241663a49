#pragma once

#include <filesystem>

namespace bootwright {

/// A temporary folder, which goes with this object. Every user can reach what is below it, and only this one can list it.
class WorkFolder {
public:
    /// @throws Error io.*
    WorkFolder();
    WorkFolder(const WorkFolder&) = delete;
    WorkFolder& operator=(const WorkFolder&) = delete;
    ~WorkFolder();
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

private:
    std::filesystem::path path_;
};

}  // namespace bootwright
