#pragma once

#include "agent/doctor/examination.hpp"
#include "agent/doctor/patient.hpp"

#include <algorithm>
#include <string>
#include <vector>

namespace bootwright {

/// What one examination of `bootwright doctor` finds.
inline std::vector<Finding> examined(const System& system, const std::string& name) {
    const auto& all = Registered<Examination>::all();
    const auto found = std::find_if(all.begin(), all.end(), [&](const Examination* each) { return each->key == name; });
    return (*found)->look(meet(system, {}), {});
}

/// "good: …", "bad: …", "not_known: …", one a line.
inline std::string in_lines(const std::vector<Finding>& findings) {
    std::string lines;
    for (const Finding& finding : findings) {
        lines += std::string(to_string(finding.state)) + ": " + finding.what + "\n";
    }
    return lines;
}

/// Whoever is told of something bad is told what to do.
inline bool all_have_advice(const std::vector<Finding>& findings) {
    return std::all_of(findings.begin(), findings.end(), [](const Finding& finding) {
        return finding.state != Finding::State::bad || !finding.advice.empty();
    });
}

}  // namespace bootwright
