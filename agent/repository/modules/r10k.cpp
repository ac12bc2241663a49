#include "agent/repository/modules/r10k.hpp"

#include "common/base/error.hpp"
#include "common/files/file.hpp"
#include "common/sandbox/user.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace bootwright {

namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t most_bytes = std::uint64_t{2} << 30U;
constexpr std::uint64_t most_entries = 200'000;
constexpr int deepest = 100;

Error refused(const std::string& what) {
    return permanent_error("repository.r10k_failed", "what r10k has installed is not used: " + what,
                           "correct the Puppetfile, or vendor the module");
}

struct CloseFolder {
    void operator()(DIR* folder) const { closedir(folder); }
};

/// The names in an open folder, sorted, and without git's own.
std::vector<std::string> names_in(int fd, const std::string& shown) {
    const std::unique_ptr<DIR, CloseFolder> folder(fdopendir(dup(fd)));
    if (!folder) {
        throw system_call_error("read the folder", shown, errno);
    }
    std::vector<std::string> names;
    while (const dirent* entry = readdir(folder.get())) {
        const std::string name = entry->d_name;
        if (name != "." && name != ".." && name != ".git") {
            names.push_back(name);
        }
        if (names.size() > most_entries) {
            throw refused("more than " + std::to_string(most_entries) + " files");
        }
    }
    std::sort(names.begin(), names.end());
    return names;
}

/// A module as r10k leaves it: from git, or with the metadata that the Forge asks for.
bool is_module(int fd) {
    return faccessat(fd, ".git", F_OK, AT_SYMLINK_NOFOLLOW) == 0 ||
           faccessat(fd, "metadata.json", F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

class Copy {
public:
    // NOLINTNEXTLINE(misc-no-recursion): `deepest` ends it
    void folder(int from, int to, const std::string& path, int depth) {
        if (depth > deepest) {
            throw refused("folders within folders, deeper than " + std::to_string(deepest));
        }
        for (const std::string& name : names_in(from, path)) {
            entry(from, to, name, path.empty() ? name : path + "/" + name, depth);
        }
    }

private:
    // NOLINTNEXTLINE(misc-no-recursion)
    void entry(int from, int to, const std::string& name, const std::string& path, int depth) {
        if (++entries_ > most_entries) {
            throw refused("more than " + std::to_string(most_entries) + " files");
        }
        struct stat status {};
        struct stat there {};
        if (fstatat(from, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
            throw system_call_error("look at", path, errno);
        }
        const bool exists = fstatat(to, name.c_str(), &there, AT_SYMLINK_NOFOLLOW) == 0;
        if (S_ISDIR(status.st_mode)) {
            if (!exists || S_ISDIR(there.st_mode)) {
                subfolder(from, to, name, path, depth, exists);
            }
        } else if (exists) {
            return;  // the tree's own
        } else if (S_ISREG(status.st_mode)) {
            file(from, to, name, path);
        } else if (S_ISLNK(status.st_mode)) {
            link(from, to, name, path, depth);
        } else {
            throw refused(path + " is neither file, folder nor link");
        }
    }

    // NOLINTNEXTLINE(misc-no-recursion)
    void subfolder(int from, int to, const std::string& name, const std::string& path, int depth, bool exists) {
        const UniqueFd source(openat(from, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
        if (!source || (!exists && mkdirat(to, name.c_str(), 0755) != 0)) {
            throw system_call_error("copy", path, errno);
        }
        const UniqueFd target(openat(to, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
        if (!target || (!exists && fchmod(target.get(), 0755) != 0)) {
            throw system_call_error("copy", path, errno);
        }
        if (!exists || !is_module(source.get())) {
            folder(source.get(), target.get(), path, depth + 1);
        }
    }

    void file(int from, int to, const std::string& name, const std::string& path) {
        const UniqueFd source(openat(from, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
        struct stat status {};
        if (!source || fstat(source.get(), &status) != 0) {
            throw system_call_error("read", path, errno);
        }
        if (!S_ISREG(status.st_mode)) {
            throw refused(path + " has become something else");
        }
        const mode_t mode = (status.st_mode & S_IXUSR) != 0 ? 0755 : 0644;
        const UniqueFd target(openat(to, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
        if (!target || fchmod(target.get(), mode) != 0) {
            throw system_call_error("write", path, errno);
        }
        std::array<char, std::size_t{128} << 10U> buffer{};
        while (const ssize_t count = read(source.get(), buffer.data(), buffer.size())) {
            if (count < 0) {
                throw system_call_error("read", path, errno);
            }
            bytes_ += static_cast<std::uint64_t>(count);
            if (bytes_ > most_bytes) {
                throw refused("more than " + std::to_string(most_bytes >> 20U) + " MiB");
            }
            write_all(target.get(), {buffer.data(), static_cast<std::size_t>(count)}, path);
        }
    }

    /// A link that leads out of the checkout would be a way to anything on this machine.
    static void link(int from, int to, const std::string& name, const std::string& path, int depth) {
        std::array<char, 4096> buffer{};
        const ssize_t length = readlinkat(from, name.c_str(), buffer.data(), buffer.size());
        if (length <= 0) {
            throw system_call_error("read the link", path, errno);
        }
        const std::string target(buffer.data(), static_cast<std::size_t>(length));
        // ".." surely leads up only at the beginning: after a name that is a link itself, it leads elsewhere.
        const fs::path parts(target);
        const auto name_after =
            std::find_if(parts.begin(), parts.end(), [](const fs::path& part) { return part != ".."; });
        const bool stays = target.front() != '/' && std::distance(parts.begin(), name_after) <= depth &&
                           std::find(name_after, parts.end(), "..") == parts.end();
        if (!stays) {
            throw refused(path + " is a link that leads out of the checkout");
        }
        if (symlinkat(target.c_str(), to, name.c_str()) != 0) {
            throw system_call_error("make the link", path, errno);
        }
    }

    std::uint64_t bytes_ = 0;
    std::uint64_t entries_ = 0;
};

UniqueFd open_folder(const fs::path& folder) {
    UniqueFd fd(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd) {
        throw system_call_error("open the folder", folder.string(), errno);
    }
    return fd;
}

}  // namespace

fs::path find_r10k() {
    for (const char* program : {"/opt/puppetlabs/puppet/bin/r10k", "/opt/puppetlabs/bin/r10k", "/usr/bin/r10k"}) {
        if (access(program, X_OK) == 0) {
            return program;
        }
    }
    throw permanent_error("repository.no_r10k",
                          "repository.puppetfile is \"r10k\", and there is no r10k in /opt/puppetlabs or /usr/bin",
                          "install the package r10k in the image, or vendor the modules and set it to \"fetch\"");
}

void require_own_user(const std::string& name) {
    if (geteuid() == 0 && !find_user(name)) {
        throw permanent_error("repository.no_user",
                              "r10k would run as nobody, whom other services may share, since there is no user " + name,
                              "make it, as the package does: `adduser --system --group --no-create-home " + name +
                                  "`; or vendor the modules and set repository.puppetfile to \"fetch\"");
    }
}

void copy_modules(const fs::path& from, const fs::path& to) {
    const UniqueFd source = open_folder(from);
    const UniqueFd target = open_folder(to);
    Copy().folder(source.get(), target.get(), "", 0);
}

}  // namespace bootwright
