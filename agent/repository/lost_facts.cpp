#include "agent/repository/lost_facts.hpp"

#include "common/base/encoding.hpp"
#include "common/base/text.hpp"
#include "common/files/mount.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <system_error>

namespace bootwright {

namespace fs = std::filesystem;

namespace {

bool is_program(const fs::directory_entry& entry) {
    constexpr std::array<std::string_view, 4> read{".json", ".txt", ".yaml", ".yml"};
    constexpr fs::perms may_run = fs::perms::owner_exec | fs::perms::group_exec | fs::perms::others_exec;
    std::error_code error;
    const fs::file_status status = entry.status(error);
    const std::string extension = entry.path().extension();
    return fs::is_regular_file(status) && (status.permissions() & may_run) != fs::perms::none &&
           std::find(read.begin(), read.end(), extension) == read.end();
}

}  // namespace

std::vector<std::string> programs_of_facts(const fs::path& checkout) {
    std::vector<std::string> programs;
    std::error_code error;
    const fs::recursive_directory_iterator end;
    for (fs::recursive_directory_iterator at(checkout, error); !error && at != end; at.increment(error)) {
        if (at->path().parent_path().filename() == "facts.d" && is_program(*at)) {
            programs.push_back(at->path().lexically_relative(checkout));
        }
    }
    std::sort(programs.begin(), programs.end());
    return programs;
}

std::optional<std::string> warning_of_lost_facts(const fs::path& checkout) {
    const auto mount = noexec_mount_of(checkout);
    const auto lost = mount ? programs_of_facts(checkout) : std::vector<std::string>{};
    if (lost.empty()) {
        return std::nullopt;
    }
    return mount->string() + " is mounted noexec, so Facter leaves out " + counted(lost.size(), "external fact") +
           " of the checkout, first of all " + shortened(printable(lost.front()), 200) +
           ": mount it with exec, or make that fact a .yaml, .json or .txt file or one in Ruby";
}

}  // namespace bootwright
