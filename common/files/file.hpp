#pragma once

#include <sys/types.h>

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace bootwright {

/// Owns a file descriptor.
class UniqueFd {
public:
    UniqueFd() = default;
    explicit UniqueFd(int fd) : fd_(fd) {}
    UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    UniqueFd& operator=(UniqueFd&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    UniqueFd(const UniqueFd&) = delete;
    UniqueFd& operator=(const UniqueFd&) = delete;
    ~UniqueFd() { reset(); }

    [[nodiscard]] int get() const { return fd_; }
    [[nodiscard]] explicit operator bool() const { return fd_ >= 0; }
    void reset();

private:
    int fd_ = -1;
};

/// The whole file. @throws Error io.*, and io.too_large beyond `cap` bytes
std::string read_file(const std::filesystem::path& path, std::size_t cap);

/// As read_file(), but returns nullopt if the file (or its folder) does not exist.
std::optional<std::string> read_file_if_exists(const std::filesystem::path& path, std::size_t cap);

/// The rest of an open file. Errors name it `called`. @throws Error io.*, and io.too_large beyond `cap` bytes
std::string read_open_file(const UniqueFd& file, const std::filesystem::path& called, std::size_t cap);

/// The first `most` bytes of the file, or less if it is shorter. Returns nullopt if it does not exist. @throws Error io.*
std::optional<std::string> read_file_start(const std::filesystem::path& path, std::size_t most);

/// The last `most` bytes of the file, or less if it is shorter. Returns nullopt if it does not exist. @throws Error io.*
std::optional<std::string> read_file_end(const std::filesystem::path& path, std::size_t most);

/// The whole file. Returns "" if there is none, if it is larger than `most` bytes, or if it cannot be read. For files
/// that mean nothing in these cases, such as damaged notes of an earlier run, or a kernel file about something that is
/// gone.
std::string read_or_empty(const std::filesystem::path& path, std::size_t most);

/// Writes all of `content`, also if a signal interrupts. @param path for the error @throws Error io.*
void write_all(int fd, std::string_view content, const std::filesystem::path& path);

/// Writes a new file piece by piece; finish() replaces the old one with it as write_file() does. Leaves nothing behind
/// if it is destroyed before finish(). @throws Error io.*
class FileReplacement {
public:
    FileReplacement(std::filesystem::path path, mode_t mode);
    FileReplacement(const FileReplacement&) = delete;
    FileReplacement& operator=(const FileReplacement&) = delete;
    ~FileReplacement();

    void append(std::string_view bytes);
    void finish();

private:
    std::filesystem::path path_;
    std::filesystem::path temporary_;
    mode_t mode_;
    UniqueFd fd_;
};

/// Replaces the file as a whole: temporary name, fsync, rename, fsync of the folder. A reader sees the old content or the
/// new, also after a power cut. @throws Error io.*
void write_file(const std::filesystem::path& path, std::string_view content, mode_t mode);

/// The regular file at `relative` below `folder`, without following a link out of it. Returns nullopt if there is none.
/// @throws Error io.*, and io.too_large beyond `cap` bytes
std::optional<std::string> read_file_below(const std::filesystem::path& folder, const std::string& relative,
                                           std::size_t cap);

/// Points the symbolic link `link` to `target`, atomically: either the old link is there or the new. @throws Error io.*
void point_to(const std::filesystem::path& link, const std::string& target);

/// Makes the folder and its parents; the last one gets `mode`, also if it existed. @throws Error io.*
void make_folder(const std::filesystem::path& path, mode_t mode);

/// Flushes the folder's entries (renames, new files). @throws Error io.*
void sync_folder(const std::filesystem::path& folder);

/// Flushes the whole file system that holds `path`: after writing a tree, cheaper than one fsync a file. @throws Error io.*
void sync_file_system(const std::filesystem::path& path);

/// Removes a file or tree, however deep, also while others write in it. Follows no link out of it. @throws Error io.*
void remove_tree(const std::filesystem::path& path);

/// A kernel lock (flock) on a file. The kernel releases it when its process ends, however that ends.
class FileLock {
public:
    /// Takes the lock if it is free, else returns nullopt at once. @throws Error io.*
    static std::optional<FileLock> try_take(const std::filesystem::path& path);
    /// Takes the lock, waiting for it. For locks that are only ever held for moments. @throws Error io.*
    static FileLock take(const std::filesystem::path& path);

private:
    explicit FileLock(UniqueFd fd) : fd_(std::move(fd)) {}
    UniqueFd fd_;
};

}  // namespace bootwright
