#include "agent/puppet/environment.hpp"

#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/files/file.hpp"

#include <algorithm>
#include <system_error>

namespace bootwright {

namespace fs = std::filesystem;

namespace {

constexpr const char* environments = "environments";

bool lies_within(const fs::path& path, const fs::path& folder) {
    const auto [end, unused] = std::mismatch(folder.begin(), folder.end(), path.begin(), path.end());
    return end == folder.end();
}

std::vector<std::string> environments_in(const Checkout& checkout) {
    std::error_code error;
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(checkout.folder / environments, error)) {
        std::error_code unreadable;
        if (entry.is_directory(unreadable)) {
            names.push_back(entry.path().filename().string());
        }
    }
    std::sort(names.begin(), names.end());
    return names;
}

void require_environment(const Checkout& checkout, const std::string& name) {
    const fs::path folder = checkout.folder / environments / name;
    std::error_code error;
    if (fs::is_directory(folder, error) && lies_within(fs::canonical(folder), fs::canonical(checkout.folder))) {
        return;
    }
    const std::string names = joined(environments_in(checkout), ", ");
    throw permanent_error("puppet.no_environment",
                          "there is no folder environments/" + name + " in the control repository at " +
                              checkout.revision +
                              "; in environments/ there is: " + (names.empty() ? "none" : shortened(names, 300)),
                          "correct repository.environment or repository.revision of the role config");
}

}  // namespace

std::string environment_name(const RoleConfig& role) {
    for (const std::string* name : {&role.repository.environment, &role.puppet.environment_name}) {
        if (!name->empty()) {
            return *name;
        }
    }
    return "production";
}

fs::path repository_in_code(const fs::path& code, const RoleConfig& role) {
    return role.repository.environment.empty() ? code / environments / environment_name(role) : code;
}

void lay_out_code(const fs::path& code, const Checkout& checkout, const RoleConfig& role) {
    if (!role.repository.environment.empty()) {
        require_environment(checkout, role.repository.environment);
    }
    remove_tree(code);
    const fs::path link = repository_in_code(code, role);
    if (link != code) {
        make_folder(code, 0700);
        make_folder(link.parent_path(), 0700);
    }
    point_to(link, checkout.folder.string());
}

std::vector<std::string> environments_to_choose(const Checkout& checkout, const RoleConfig& role) {
    return role.repository.environment.empty() ? environments_in(checkout) : std::vector<std::string>();
}

}  // namespace bootwright
