#include "common/processes/own_program.hpp"

#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/files/file.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <system_error>
#include <vector>

namespace bootwright {

namespace fs = std::filesystem;

fs::path program_of(const fs::path& process) {
    std::error_code error;
    return fs::read_symlink(process / "exe", error);
}

fs::path belonging(const std::string& name) {
    const fs::path program = program_of("/proc/self");
    const fs::path beside = program.parent_path() / name;
    std::error_code error;
    return !program.empty() && fs::exists(beside, error) ? beside : fs::path("/usr/lib/bootwright") / name;
}

bool is_replaced(const fs::path& program, const fs::path& process) {
    struct stat now {};
    struct stat own {};
    // The link of /proc leads to the file itself, even after the file has lost its name.
    return stat(program.c_str(), &now) == 0 && stat((process / "exe").c_str(), &own) == 0 &&
           (now.st_dev != own.st_dev || now.st_ino != own.st_ino);
}

void become(const fs::path& program) {
    constexpr std::size_t most = std::size_t{1} << 20U;
    std::vector<std::string> arguments;
    try {
        arguments = split(read_file("/proc/self/cmdline", most), '\0');  // each ends with one
        arguments.pop_back();
    } catch (const Error&) {
        return;
    }
    std::vector<char*> pointers(arguments.size() + 1, nullptr);
    std::transform(arguments.begin(), arguments.end(), pointers.begin(),
                   [](std::string& argument) { return argument.data(); });
    execv(program.c_str(), pointers.data());
}

}  // namespace bootwright
