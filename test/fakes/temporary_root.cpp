#include "test/fakes/temporary_root.hpp"

#include "common/base/error.hpp"
#include "common/files/file.hpp"

#include <sys/stat.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <system_error>

namespace bootwright {

namespace fs = std::filesystem;

TemporaryRoot::TemporaryRoot() {
    std::error_code error;
    const bool has_memory = fs::is_directory("/dev/shm", error);
    std::string pattern = ((has_memory ? fs::path("/dev/shm") : fs::temp_directory_path()) / "bwtest.XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) {
        throw system_call_error("make", pattern, errno);
    }
    path_ = pattern;
}

TemporaryRoot::~TemporaryRoot() {
    std::error_code error;
    fs::remove_all(path_, error);
}

fs::path TemporaryRoot::path(std::string_view absolute) const { return path_ / fs::path(absolute).relative_path(); }

void TemporaryRoot::write(std::string_view absolute, std::string_view content, mode_t mode) const {
    fs::create_directories(path(absolute).parent_path());
    write_file(path(absolute), content, mode);
}

void TemporaryRoot::make_folder(std::string_view absolute) const { fs::create_directories(path(absolute)); }

void TemporaryRoot::remove(std::string_view absolute) const { fs::remove_all(path(absolute)); }

void TemporaryRoot::copy(const fs::path& tree) const {
    fs::copy(tree, path_,
             fs::copy_options::recursive | fs::copy_options::overwrite_existing | fs::copy_options::copy_symlinks);
}

std::string TemporaryRoot::read(std::string_view absolute) const {
    return read_file(path(absolute), std::size_t{64} << 20U);
}

bool TemporaryRoot::exists(std::string_view absolute) const {
    std::error_code error;
    return fs::exists(fs::symlink_status(path(absolute), error));
}

mode_t TemporaryRoot::mode(std::string_view absolute) const {
    struct stat status {};
    return stat(path(absolute).c_str(), &status) == 0 ? status.st_mode & 07777U : 0;
}

}  // namespace bootwright
