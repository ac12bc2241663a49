#include "common/files/file.hpp"

#include "common/base/error.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <system_error>
#include <vector>

namespace bootwright {

namespace fs = std::filesystem;

namespace {

UniqueFd open_or_throw(const fs::path& path, int flags, mode_t mode = 0) {
    UniqueFd fd(open(path.c_str(), flags | O_CLOEXEC, mode));
    if (!fd) {
        throw system_call_error("open", path.string(), errno);
    }
    return fd;
}

/// Replaces a file that a killed process or somebody else left, instead of writing to it: others may have it open.
UniqueFd open_temporary(const fs::path& path) {
    unlink(path.c_str());
    return open_or_throw(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
}

/// Reads to the end, or until more than `most` bytes were read.
std::string read_beyond(int fd, const fs::path& path, std::size_t most) {
    std::string content;
    std::array<char, 16384> buffer{};
    while (content.size() <= most) {
        const ssize_t count = read(fd, buffer.data(), buffer.size());
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0) {
            throw system_call_error("read", path.string(), errno);
        }
        if (count == 0) {
            break;
        }
        content.append(buffer.data(), static_cast<std::size_t>(count));
    }
    return content;
}

/// Not open if the file, or its folder, does not exist.
UniqueFd open_if_exists(const fs::path& path) {
    UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd && errno != ENOENT && errno != ENOTDIR) {
        throw system_call_error("open", path.string(), errno);
    }
    return fd;
}

/// Removes a tree without recursion, with few open files, and only by names within open folders. So the depth of a
/// hostile tree, the length of its paths and a link that appears meanwhile do not matter.
class TreeRemoval {
public:
    explicit TreeRemoval(const fs::path& root) : root_(root) {}

    void run() {
        if (unlink(root_.c_str()) == 0 || errno == ENOENT || errno == ENOTDIR) {
            return;
        }
        if (errno != EISDIR) {
            throw system_call_error("remove", root_.string(), errno);
        }
        enter(AT_FDCWD, root_.string());
        while (!open_.empty()) {
            remove_next();
        }
    }

private:
    struct CloseFolder {
        void operator()(DIR* folder) const { closedir(folder); }
    };
    struct OpenFolder {
        std::string name;  // within the one before it
        std::unique_ptr<DIR, CloseFolder> handle;
        int rounds = 0;
        [[nodiscard]] int fd() const { return dirfd(handle.get()); }
    };

    void enter(int parent, const std::string& name) {
        const int fd = openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP)) {
            return;  // it has become something else: seen in the next round
        }
        OpenFolder folder{name, std::unique_ptr<DIR, CloseFolder>(fd < 0 ? nullptr : fdopendir(fd))};
        if (!folder.handle) {
            fail(name);
        }
        open_.push_back(std::move(folder));
    }

    void remove_next() {
        const int folder = open_.back().fd();
        errno = 0;
        const dirent* entry = readdir(open_.back().handle.get());
        if (entry == nullptr) {
            leave();
            return;
        }
        const std::string name = entry->d_name;
        if (name == "." || name == "..") {
            return;
        }
        if (entry->d_type != DT_DIR && (unlinkat(folder, name.c_str(), 0) == 0 || errno == ENOENT)) {
            return;
        }
        if (entry->d_type != DT_DIR && errno != EISDIR) {
            fail(name);
        }
        if (unlinkat(folder, name.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT || errno == ENOTDIR) {
            return;
        }
        if (errno != ENOTEMPTY && errno != EEXIST) {
            fail(name);
        }
        if (open_.size() < most_open) {
            enter(folder, name);
        } else {
            move_up(folder, name);
        }
    }

    /// Moves a folder that is too deep into the root.
    void move_up(int folder, const std::string& name) {
        for (;;) {
            const std::string free_name = ".deep" + std::to_string(moved_++);
            if (renameat2(folder, name.c_str(), open_.front().fd(), free_name.c_str(), RENAME_NOREPLACE) == 0) {
                has_moved_ = true;
                return;
            }
            if (errno != EEXIST) {
                fail(name);
            }
        }
    }

    void leave() {
        if (errno != 0) {
            fail("");
        }
        OpenFolder done = std::move(open_.back());
        open_.pop_back();
        const int parent = open_.empty() ? AT_FDCWD : open_.back().fd();
        if (unlinkat(parent, done.name.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT || errno == ENOTDIR) {
            return;
        }
        const bool holds_moved = open_.empty() && std::exchange(has_moved_, false);
        done.rounds += holds_moved ? 0 : 1;
        if (errno != ENOTEMPTY || done.rounds > most_rounds) {
            fail(done.name);
        }
        rewinddir(done.handle.get());
        open_.push_back(std::move(done));
    }

    [[noreturn]] void fail(const std::string& name) const {
        throw system_call_error("remove", (root_ / name).string(), errno);
    }

    static constexpr std::size_t most_open = 32;
    static constexpr int most_rounds = 100;  // against whoever goes on writing

    const fs::path& root_;
    std::vector<OpenFolder> open_;
    unsigned long moved_ = 0;
    bool has_moved_ = false;
};

}  // namespace

void write_all(int fd, std::string_view content, const fs::path& path) {
    while (!content.empty()) {
        const ssize_t written = write(fd, content.data(), content.size());
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written < 0) {
            throw system_call_error("write", path.string(), errno);
        }
        content.remove_prefix(static_cast<std::size_t>(written));
    }
}

void UniqueFd::reset() {
    if (fd_ >= 0) {
        close(fd_);
    }
    fd_ = -1;
}

std::string read_open_file(const UniqueFd& file, const fs::path& called, std::size_t cap) {
    std::string content = read_beyond(file.get(), called, cap);
    if (content.size() > cap) {
        throw permanent_error("io.too_large",
                              called.string() + " is larger than the " + std::to_string(cap) + " bytes allowed here",
                              "make the file smaller");
    }
    return content;
}

std::string read_file(const fs::path& path, std::size_t cap) {
    return read_open_file(open_or_throw(path, O_RDONLY), path, cap);
}

std::optional<std::string> read_file_if_exists(const fs::path& path, std::size_t cap) {
    const UniqueFd fd = open_if_exists(path);
    return fd ? std::optional(read_open_file(fd, path, cap)) : std::nullopt;
}

std::optional<std::string> read_file_start(const fs::path& path, std::size_t most) {
    const UniqueFd fd = open_if_exists(path);
    return fd ? std::optional(read_beyond(fd.get(), path, most).substr(0, most)) : std::nullopt;
}

std::optional<std::string> read_file_end(const fs::path& path, std::size_t most) {
    const UniqueFd fd = open_if_exists(path);
    if (!fd) {
        return std::nullopt;
    }
    if (const off_t size = lseek(fd.get(), 0, SEEK_END); size < 0 || static_cast<std::uint64_t>(size) <= most) {
        lseek(fd.get(), 0, SEEK_SET);
    } else {
        lseek(fd.get(), -static_cast<off_t>(most), SEEK_END);
    }
    return read_beyond(fd.get(), path, most).substr(0, most);
}

std::string read_or_empty(const fs::path& path, std::size_t most) {
    try {
        return read_file_if_exists(path, most).value_or("");
    } catch (const Error&) {
        return {};
    }
}

FileReplacement::FileReplacement(fs::path path, mode_t mode)
    : path_(std::move(path)),
      temporary_(path_.string() + ".tmp" + std::to_string(getpid())),
      mode_(mode),
      fd_(open_temporary(temporary_)) {}

FileReplacement::~FileReplacement() {
    if (fd_) {
        unlink(temporary_.c_str());
    }
}

void FileReplacement::append(std::string_view bytes) { write_all(fd_.get(), bytes, path_); }

void FileReplacement::finish() {
    if (fchmod(fd_.get(), mode_) != 0) {
        throw system_call_error("set the mode of", path_.string(), errno);
    }
    if (fsync(fd_.get()) != 0) {
        throw system_call_error("fsync", path_.string(), errno);
    }
    if (rename(temporary_.c_str(), path_.c_str()) != 0) {
        throw system_call_error("rename a temporary file to", path_.string(), errno);
    }
    fd_.reset();
    sync_folder(path_.parent_path());
}

void write_file(const fs::path& path, std::string_view content, mode_t mode) {
    FileReplacement file(path, mode);
    file.append(content);
    file.finish();
}

std::optional<std::string> read_file_below(const fs::path& folder, const std::string& relative, std::size_t cap) {
    const UniqueFd root = open_or_throw(folder, O_PATH | O_DIRECTORY);
    open_how how{};
    // O_NONBLOCK: do not wait, as the open of a pipe would. O_LARGEFILE: what the C library adds to its own calls on i386.
    how.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_LARGEFILE;
    how.resolve = RESOLVE_BENEATH;
    const UniqueFd file(static_cast<int>(syscall(SYS_openat2, root.get(), relative.c_str(), &how, sizeof how)));
    // EXDEV: it leads out of the folder. ENXIO: it is a socket.
    constexpr std::array none{ENOENT, ENOTDIR, ELOOP, EXDEV, ENXIO, ENAMETOOLONG};
    if (!file && std::find(none.begin(), none.end(), errno) != none.end()) {
        return std::nullopt;
    }
    struct stat status {};
    if (!file || fstat(file.get(), &status) != 0) {
        throw system_call_error("open", (folder / relative).string(), errno);
    }
    if (!S_ISREG(status.st_mode)) {
        return std::nullopt;
    }
    return read_open_file(file, folder / relative, cap);
}

void point_to(const fs::path& link, const std::string& target) {
    std::error_code error;
    if (fs::read_symlink(link, error) == target) {
        return;
    }
    const fs::path temporary = link.string() + ".tmp" + std::to_string(getpid());
    unlink(temporary.c_str());
    if (symlink(target.c_str(), temporary.c_str()) != 0 || rename(temporary.c_str(), link.c_str()) != 0) {
        throw system_call_error("make the link", link.string(), errno);
    }
    sync_folder(link.parent_path());
}

void make_folder(const fs::path& path, mode_t mode) {
    std::error_code error;
    fs::create_directories(path, error);
    if (error) {
        throw system_call_error("make the folder", path.string(), error.value());
    }
    if (chmod(path.c_str(), mode) != 0) {
        throw system_call_error("set the mode of", path.string(), errno);
    }
}

void sync_folder(const fs::path& folder) {
    const UniqueFd fd = open_or_throw(folder.empty() ? fs::path(".") : folder, O_RDONLY | O_DIRECTORY);
    if (fsync(fd.get()) != 0) {
        throw system_call_error("fsync the folder", folder.string(), errno);
    }
}

void sync_file_system(const fs::path& path) {
    const UniqueFd fd = open_or_throw(path, O_RDONLY);
    if (syncfs(fd.get()) != 0) {
        throw system_call_error("flush the file system of", path.string(), errno);
    }
}

void remove_tree(const fs::path& path) { TreeRemoval(path).run(); }

std::optional<FileLock> FileLock::try_take(const fs::path& path) {
    UniqueFd fd = open_or_throw(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
    if (flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK) {
            return std::nullopt;
        }
        throw system_call_error("lock", path.string(), errno);
    }
    return FileLock(std::move(fd));
}

FileLock FileLock::take(const fs::path& path) {
    UniqueFd fd = open_or_throw(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
    while (flock(fd.get(), LOCK_EX) != 0) {
        if (errno != EINTR) {
            throw system_call_error("lock", path.string(), errno);
        }
    }
    return FileLock(std::move(fd));
}

}  // namespace bootwright
