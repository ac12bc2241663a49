#include "common/files/new_folder.hpp"

#include "common/base/error.hpp"
#include "common/files/tree_fingerprint.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace bootwright {

namespace {

UniqueFd open_folder(int parent, const std::string& name) {
    return UniqueFd(openat(parent, name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

}  // namespace

NewFolder::NewFolder(const std::filesystem::path& root, std::atomic<std::uint64_t>& fingerprint)
    : root_(root), folder_(open_folder(AT_FDCWD, root_)), fingerprint_(fingerprint) {
    if (!folder_) {
        throw system_call_error("open the folder", root_, errno);
    }
}

NewFolder::NewFolder(const NewFolder& parent, const std::string& name)
    : root_(parent.root_),
      path_(parent.path_ + "/" + name),
      folder_(open_folder(parent.folder_.get(), name)),
      fingerprint_(parent.fingerprint_) {
    if (!folder_) {
        parent.fail("open the folder", name);
    }
}

NewFolder::~NewFolder() {
    struct stat status {};
    // If this fails, the fingerprint fits nothing, and the tree is proven once more.
    if (!path_.empty() && fstat(folder_.get(), &status) == 0) {
        fingerprint_ += fingerprint_of(path_, status);
    }
}

std::shared_ptr<const NewFolder> NewFolder::make_folder(const std::string& name) const {
    if (mkdirat(folder_.get(), name.c_str(), 0755) != 0) {
        fail("make the folder", name);
    }
    return std::shared_ptr<const NewFolder>(new NewFolder(*this, name));
}

void NewFolder::make_file(const std::string& name, std::string_view content, bool is_executable) const {
    const mode_t mode = is_executable ? 0755 : 0644;
    const UniqueFd file(
        openat(folder_.get(), name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
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
    struct stat status {};
    if (fstat(file.get(), &status) != 0) {
        fail("look at", name);
    }
    fingerprint_ += fingerprint_of(path_ + "/" + name, status);
}

void NewFolder::make_link(const std::string& name, const std::string& target) const {
    if (symlinkat(target.c_str(), folder_.get(), name.c_str()) != 0) {
        fail("make the link", name);
    }
    struct stat status {};
    if (fstatat(folder_.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
        fail("look at", name);
    }
    fingerprint_ += fingerprint_of(path_ + "/" + name, status);
}

void NewFolder::fail(const char* what, const std::string& name) const {
    const int error = errno;
    const std::string shown = root_ + path_ + "/" + name;
    if (error == EEXIST) {
        throw transient_error("io.name_taken", shown + " is there already",
                              "check the disk (`dmesg`); if it persists, the tree holds names that this file system "
                              "takes for one");
    }
    throw system_call_error(what, shown, error);
}

}  // namespace bootwright
