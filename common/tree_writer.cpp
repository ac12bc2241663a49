#include "common/tree_writer.hpp"

#include "common/error.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace bootwright {

namespace fs = std::filesystem;

namespace {

UniqueFd open_folder(int parent, const char* name) {
    return UniqueFd(openat(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

}  // namespace

TreeWriter::TreeWriter(const fs::path& folder) : root_(folder) {
    folders_.push_back(open_folder(AT_FDCWD, folder.c_str()));
    if (!folders_.back()) {
        throw system_call_error("open the folder", folder.string(), errno);
    }
}

void TreeWriter::make_folder(const std::string& name) {
    if (mkdirat(folders_.back().get(), name.c_str(), 0755) != 0) {
        fail("make the folder", name);
    }
}

void TreeWriter::enter(const std::string& name) {
    make_folder(name);
    UniqueFd folder = open_folder(folders_.back().get(), name.c_str());
    if (!folder) {
        fail("open the folder", name);
    }
    folders_.push_back(std::move(folder));
    names_.push_back(name);
}

void TreeWriter::leave() {
    folders_.pop_back();
    names_.pop_back();
}

void TreeWriter::make_file(const std::string& name, std::string_view content, bool is_executable) {
    const mode_t mode = is_executable ? 0755 : 0644;
    const UniqueFd file(
        openat(folders_.back().get(), name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
    if (!file) {
        fail("make the file", name);
    }
    while (!content.empty()) {
        const ssize_t written = write(file.get(), content.data(), content.size());
        if (written < 0 && errno != EINTR) {
            fail("write", name);
        }
        content.remove_prefix(written < 0 ? 0 : static_cast<std::size_t>(written));
    }
}

void TreeWriter::make_link(const std::string& name, const std::string& target) {
    if (symlinkat(target.c_str(), folders_.back().get(), name.c_str()) != 0) {
        fail("make the link", name);
    }
}

fs::path TreeWriter::shown(const std::string& name) const {
    fs::path path = root_;
    for (const std::string& folder : names_) {
        path /= folder;
    }
    return path / name;
}

void TreeWriter::fail(const char* what, const std::string& name) const {
    const int error = errno;
    if (error == EEXIST) {
        throw transient_error("repository.checkout_differs", shown(name).string() + " is there already",
                              "check the disk (`dmesg`); if it persists, the tree holds names that this file system "
                              "takes for one");
    }
    throw system_call_error(what, shown(name).string(), error);
}

}  // namespace bootwright
