#include "agent/repository/sources/place_failures.hpp"

#include "common/base/text.hpp"

#include <algorithm>
#include <string>

namespace bootwright {

Error none_has_it(const PlaceFailures& failures) {
    if (failures.size() == 1) {
        return failures.front().second;
    }
    const auto is_rewritten = [](const auto& failure) {
        return failure.second.code == "repository.branch_rewritten" || failure.second.code == "repository.past_unknown";
    };
    const auto is_transient = [](const auto& failure) { return failure.second.kind == ErrorKind::transient; };
    const auto hangs_on_dates = [&](const auto& failure) {
        return is_transient(failure) && failure.second.code == "server.not_trusted";
    };
    auto chosen = std::find_if(failures.begin(), failures.end(), is_rewritten);
    if (chosen == failures.end()) {
        chosen = std::find_if(failures.begin(), failures.end(), hangs_on_dates);
    }
    if (chosen == failures.end()) {
        chosen = std::find_if(failures.begin(), failures.end(), is_transient);
    }
    Error error = chosen == failures.end() ? failures.front().second : chosen->second;
    std::string message = "none of " + std::to_string(failures.size()) + " places gave it";
    for (const auto& [place, failure] : failures) {
        message += "; " + place.shown() + ": " + shortened_within(failure.message, 300) + " (" + failure.code + ")";
    }
    error.message = shortened(message, 4000);
    return error;
}

bool ends_the_search(const Error& error, bool is_pinned) {
    const bool is_pin_s_fault = error.code == "git.revision_invalid" || error.code == "repository.not_before";
    return (is_pinned && is_pin_s_fault) || (error.code.starts_with("io.") && error.code != "io.no_space") ||
           error.code == "git.corrupt" || error.code.starts_with("sandbox.") || error.code.starts_with("process.") ||
           error.code == "repository.verifier_missing";
}

}  // namespace bootwright
