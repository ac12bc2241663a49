#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <string_view>

namespace bootwright {

/// A throwaway tree that stands for "/". It lies in memory where it can, since much of what is tested calls fsync.
class TemporaryRoot {
public:
    TemporaryRoot();
    TemporaryRoot(const TemporaryRoot&) = delete;
    TemporaryRoot& operator=(const TemporaryRoot&) = delete;
    ~TemporaryRoot();

    [[nodiscard]] const std::filesystem::path& path() const { return path_; }
    [[nodiscard]] std::filesystem::path path(std::string_view absolute) const;

    /// Writes a file, and its folders where they are missing.
    void write(std::string_view absolute, std::string_view content, mode_t mode = 0644) const;
    void make_folder(std::string_view absolute) const;
    void remove(std::string_view absolute) const;
    void copy(const std::filesystem::path& tree) const;

    [[nodiscard]] std::string read(std::string_view absolute) const;
    [[nodiscard]] bool exists(std::string_view absolute) const;
    /// The permission bits, such as 0644.
    [[nodiscard]] mode_t mode(std::string_view absolute) const;

private:
    std::filesystem::path path_;
};

}  // namespace bootwright
