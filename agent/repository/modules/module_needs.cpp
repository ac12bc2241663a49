#include "agent/repository/modules/module_needs.hpp"

#include "agent/repository/version_range.hpp"

#include <algorithm>

namespace bootwright {

namespace {

/// OpenVox is a Puppet, and counts its versions on.
bool is_puppet(const ModuleNeed& need) { return need.name == "puppet" || need.name == "openvox"; }

/// Unknown for a version or a range that is none.
bool is_met(const ModuleNeed& need, const std::string& version) {
    const auto found = SemanticVersion::parse(version);
    const auto range = VersionRange::parse(need.range);
    return !found || !range || range->includes(*found);
}

std::string shown(const ModuleNeed& need) { return need.name + (need.range.empty() ? "" : " " + need.range); }

}  // namespace

std::vector<std::string> unmet_needs(const std::vector<DeclaredModule>& modules, const std::string& puppet,
                                     const std::function<bool(const std::string&)>& is_there) {
    std::vector<std::string> unmet;
    for (const DeclaredModule& module : modules) {
        const auto say = [&](const std::string& text) { unmet.push_back(module.place + ": " + text); };
        if (!module.metadata.problem.empty()) {
            say("its metadata.json is damaged: " + module.metadata.problem);
        }
        for (const ModuleNeed& need : module.metadata.dependencies) {
            const std::string name = need.name.substr(need.name.find('-') + 1);
            const auto found = std::find_if(modules.begin(), modules.end(),
                                            [&](const DeclaredModule& other) { return other.name == name; });
            if (found != modules.end() && !is_met(need, found->version)) {
                say("it needs " + shown(need) + ", and " + found->place + " is " + found->version);
            } else if (found == modules.end() && !is_there(name)) {
                say("it needs " + shown(need) + ", which the Puppetfile does not declare");
            }
        }
        std::string asked;
        bool is_known = false;
        for (const ModuleNeed& need : module.metadata.requirements) {
            if (is_puppet(need)) {
                asked += (asked.empty() ? "" : ", ") + shown(need);
                is_known = is_known || is_met(need, puppet);
            }
        }
        if (!asked.empty() && !is_known) {
            say("it is for " + asked + ", and does not know " + puppet);
        }
    }
    return unmet;
}

bool ask_for_puppet(const std::vector<DeclaredModule>& modules) {
    return std::any_of(modules.begin(), modules.end(), [](const DeclaredModule& module) {
        const auto& requirements = module.metadata.requirements;
        return std::any_of(requirements.begin(), requirements.end(), is_puppet);
    });
}

}  // namespace bootwright
