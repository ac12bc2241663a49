#pragma once

#include "agent/record/installed_packages.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace bootwright {

/// What happens to a package from one list to the other.
struct PackageChange {
    enum class Kind {
        added,
        removed,
        up,
        down,
        other  ///< the same version in another state, or written in another way
    } kind;
    std::string package;
    std::string before{};  ///< its version; "": it is not there
    std::string after{};
};

/// By the packages' names.
std::vector<PackageChange> package_changes(const Packages& before, const Packages& after);

/// Less than, equal to or greater than zero, as version `a` of a package is older than `b`, the same, or newer.
/// https://www.debian.org/doc/debian-policy/ch-controlfields.html#version
int compare_debian_versions(std::string_view a, std::string_view b);

}  // namespace bootwright
