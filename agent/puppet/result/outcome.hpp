#pragma once

#include <string_view>
#include <vector>

namespace bootwright {

/// How a run ended.
enum class Outcome {
    unchanged,
    changed,
    failed,
    changed_with_failures,
    compile_failed,
    nothing_applied,
    noop_drift,
    timed_out,
    killed,
    interrupted,
    locked,
    not_reached,
};

/// What an outcome means. docs/status.md shows the same table, and a test compares.
struct OutcomeMeaning {
    Outcome outcome;
    std::string_view word;  ///< as the status has it: "changed"
    bool is_good;           ///< `bootwright run` exits with 0 if the health checks are good too
    std::string_view meaning;
};

/// All of them, in the order of the enumeration.
const std::vector<OutcomeMeaning>& outcomes();

const OutcomeMeaning& meaning_of(Outcome outcome);

/// Its word.
std::string_view to_string(Outcome outcome);

}  // namespace bootwright
