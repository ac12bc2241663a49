#include "agent/puppet/result/empty_catalog.hpp"

#include "common/base/text.hpp"

namespace bootwright {

namespace {

constexpr std::size_t longest_list = 300;

Error nothing_applied(const std::string& why, const std::string& advice) {
    return permanent_error("puppet.nothing_applied", "the catalog is empty, so nothing was done: " + why, advice);
}

std::string listed(const std::vector<std::string>& names) { return shortened(joined(names, ", "), longest_list); }

}  // namespace

Error nothing_applied_error(const std::optional<SeenEnvironment>& seen, const Wanted& wanted) {
    if (seen && !seen->classes.empty()) {
        return nothing_applied(
            "no resource is in " + listed(seen->classes) +
                (seen->classes.size() == 1 ? ", the class that was applied" : ", the classes that were applied"),
            "write what the class is to do, or choose another by role or classes of the role config");
    }
    if (seen && !seen->has_manifest && !wanted.environments.empty()) {
        return nothing_applied("the control repository has its code in environments/ (" + listed(wanted.environments) +
                                   "), and none of them was chosen",
                               "set repository.environment in the role config");
    }
    if (seen && !seen->has_manifest) {
        return nothing_applied(
            "the control repository has no manifest " + seen->manifest + ", which would include a class",
            "add manifests/site.pp, correct `manifest` in environment.conf, or name classes in the "
            "role config");
    }
    const std::string role = wanted.role.empty() ? "" : " \"" + wanted.role + "\"";
    const std::string node = seen && !seen->node.empty() ? " (node " + seen->node + ")" : "";
    return nothing_applied("no class took this role" + role + node,
                           "check role and classes of the role config for a misspelling");
}

}  // namespace bootwright
