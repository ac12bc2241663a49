#include "common/files/work_folder.hpp"

#include "common/base/error.hpp"
#include "common/files/file.hpp"

#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <string>

namespace bootwright {

namespace fs = std::filesystem;

WorkFolder::WorkFolder() {
    std::string name = (fs::temp_directory_path() / "bootwright-work-XXXXXX").string();
    // The program that speaks to servers must reach its own folder in here, as another user if this is root.
    if (mkdtemp(name.data()) == nullptr || chmod(name.c_str(), 0711) != 0) {
        throw system_call_error("make a folder in", fs::temp_directory_path().string(), errno);
    }
    path_ = name;
}

WorkFolder::~WorkFolder() {
    try {
        remove_tree(path_);
    } catch (const Error&) {  // it is a temporary one
        return;
    }
}

}  // namespace bootwright
