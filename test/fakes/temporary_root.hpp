#pragma once

#include "common/error.hpp"
#include "common/file.hpp"

#include <sys/stat.h>
#include <sys/types.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>

namespace bootwright {

/// A throwaway tree that stands for "/". It lies in memory where it can, since much of what is tested calls fsync.
class TemporaryRoot {
public:
    TemporaryRoot() {
        std::error_code error;
        const bool has_memory = std::filesystem::is_directory("/dev/shm", error);
        std::string pattern =
            ((has_memory ? std::filesystem::path("/dev/shm") : std::filesystem::temp_directory_path()) /
             "bwtest.XXXXXX")
                .string();
        if (mkdtemp(pattern.data()) == nullptr) {
            throw system_call_error("make", pattern, errno);
        }
        path_ = pattern;
    }
    TemporaryRoot(const TemporaryRoot&) = delete;
    TemporaryRoot& operator=(const TemporaryRoot&) = delete;
    ~TemporaryRoot() {
        std::error_code error;
        std::filesystem::remove_all(path_, error);
    }

    [[nodiscard]] const std::filesystem::path& path() const { return path_; }
    [[nodiscard]] std::filesystem::path path(std::string_view absolute) const {
        return path_ / std::filesystem::path(absolute).relative_path();
    }

    /// Writes a file, and its folders where they are missing.
    void write(std::string_view absolute, std::string_view content, mode_t mode = 0644) const {
        std::filesystem::create_directories(path(absolute).parent_path());
        write_file(path(absolute), content, mode);
    }
    void make_folder(std::string_view absolute) const { std::filesystem::create_directories(path(absolute)); }
    void remove(std::string_view absolute) const { std::filesystem::remove_all(path(absolute)); }
    void copy(const std::filesystem::path& tree) const {
        std::filesystem::copy(tree, path_,
                              std::filesystem::copy_options::recursive |
                                  std::filesystem::copy_options::overwrite_existing |
                                  std::filesystem::copy_options::copy_symlinks);
    }

    [[nodiscard]] std::string read(std::string_view absolute) const {
        return read_file(path(absolute), std::size_t{64} << 20U);
    }
    [[nodiscard]] bool exists(std::string_view absolute) const {
        std::error_code error;
        return std::filesystem::exists(std::filesystem::symlink_status(path(absolute), error));
    }
    /// The permission bits, such as 0644.
    [[nodiscard]] mode_t mode(std::string_view absolute) const {
        struct stat status {};
        return stat(path(absolute).c_str(), &status) == 0 ? status.st_mode & 07777U : 0;
    }

private:
    std::filesystem::path path_;
};

}  // namespace bootwright
