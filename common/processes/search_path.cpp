#include "common/processes/search_path.hpp"

#include "common/base/text.hpp"

#include <string>
#include <system_error>

namespace bootwright {

namespace fs = std::filesystem;

std::optional<fs::path> find_program(std::string_view name, std::string_view folders, const fs::path& root) {
    for (const std::string& folder : split(folders, ':')) {
        std::error_code error;
        const fs::path candidate = fs::path(folder) / name;
        if (candidate.is_absolute() && fs::exists(root / candidate.relative_path(), error)) {
            return candidate;
        }
    }
    return std::nullopt;
}

}  // namespace bootwright
