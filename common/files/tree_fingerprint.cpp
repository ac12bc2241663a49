#include "common/files/tree_fingerprint.hpp"

#include "common/base/error.hpp"
#include "common/base/text.hpp"

#include <dirent.h>
#include <fcntl.h>

#include <cerrno>
#include <memory>
#include <string_view>

namespace bootwright {

namespace fs = std::filesystem;

namespace {

struct CloseFolder {
    void operator()(DIR* folder) const { closedir(folder); }
};
using FolderHandle = std::unique_ptr<DIR, CloseFolder>;

class Fingerprint {
public:
    explicit Fingerprint(const fs::path& root) : root_(root) {}

    std::uint64_t of_folder() {
        add_folder(AT_FDCWD, root_.c_str(), "");
        return sum_;
    }

private:
    // NOLINTNEXTLINE(misc-no-recursion): as deep as the tree, which was checked out as a whole before
    void add_folder(int parent, const char* name, const std::string& path) {
        const int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        const FolderHandle folder(fd < 0 ? nullptr : fdopendir(fd));
        if (!folder) {
            throw system_call_error("read the folder", (root_ / path).string(), errno);
        }
        while (const dirent* entry = readdir(folder.get())) {
            const std::string_view entry_name = entry->d_name;
            if (entry_name != "." && entry_name != "..") {
                add_entry(fd, entry->d_name, path + "/" + entry->d_name);
            }
        }
    }

    // NOLINTNEXTLINE(misc-no-recursion)
    void add_entry(int folder, const char* name, const std::string& path) {
        struct stat status {};
        if (fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
            throw system_call_error("look at", (root_ / path).string(), errno);
        }
        sum_ += fingerprint_of(path, status);
        if (S_ISDIR(status.st_mode)) {
            add_folder(folder, name, path);
        }
    }

    fs::path root_;
    std::uint64_t sum_ = 0;
};

}  // namespace

std::uint64_t tree_fingerprint(const fs::path& folder) { return Fingerprint(folder).of_folder(); }

std::uint64_t fingerprint_of(const std::string& path, const struct stat& status) {
    const auto seen = {
        static_cast<std::uint64_t>(status.st_ino),         static_cast<std::uint64_t>(status.st_size),
        static_cast<std::uint64_t>(status.st_mode),        static_cast<std::uint64_t>(status.st_uid),
        static_cast<std::uint64_t>(status.st_ctim.tv_sec), static_cast<std::uint64_t>(status.st_ctim.tv_nsec)};
    std::string text = path;
    text += '\0';
    for (const std::uint64_t value : seen) {
        text.append(reinterpret_cast<const char*>(&value), sizeof value);
    }
    return hash_of(text);
}

}  // namespace bootwright
