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
    if (fs::is_directory(folder, error) && lies_within(folder, checkout.folder)) {
        return;
    }
    const std::string names = joined(environments_in(checkout), ", ");
    throw permanent_error("puppet.no_environment",
                          "there is no folder environments/" + name + " in the control repository at " +
                              checkout.revision +
                              "; in environments/ there is: " + (names.empty() ? "none" : shortened(names, 300)),
                          "correct repository.environment or repository.revision of the role config");
}

/// Makes `code` look like the checkout, with room for more.
void link_entries(const fs::path& code, const fs::path& checkout) {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(checkout, error)) {
        point_to(code / entry.path().filename(), entry.path().string());
    }
}

Error name_taken(const std::string& name) {
    return permanent_error("puppet.name_taken",
                           "the control repository itself has " + name +
                               ", so the repository of that name cannot be there in Puppet's $codedir",
                           "give it another name in `repositories` of the role config");
}

}  // namespace

bool lies_within(const fs::path& path, const fs::path& folder) {
    std::error_code absent;
    std::error_code missing;
    const fs::path whole = fs::canonical(path, absent);
    const fs::path above = fs::canonical(folder, missing);
    return !absent && !missing &&
           std::mismatch(above.begin(), above.end(), whole.begin(), whole.end()).first == above.end();
}

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

void lay_out_code(const fs::path& code, const Checkout& checkout, const RoleConfig& role,
                  const fs::path& repositories) {
    if (!role.repository.environment.empty()) {
        require_environment(checkout, role.repository.environment);
    }
    remove_tree(code);
    const fs::path link = repository_in_code(code, role);
    if (link != code || !role.repositories.empty()) {
        make_folder(code, 0700);
    }
    if (link != code) {
        make_folder(link.parent_path(), 0700);
    }
    if (link == code && !role.repositories.empty()) {
        link_entries(code, checkout.folder);
    } else {
        point_to(link, checkout.folder.string());
    }
    for (const RoleConfig::Beside& each : role.repositories) {
        if (fs::exists(fs::symlink_status(code / each.name))) {
            throw name_taken(each.name);
        }
        point_to(code / each.name, (repositories / each.name / "current").string());
    }
}

std::vector<std::string> environments_to_choose(const Checkout& checkout, const RoleConfig& role) {
    return role.repository.environment.empty() ? environments_in(checkout) : std::vector<std::string>();
}

}  // namespace bootwright
