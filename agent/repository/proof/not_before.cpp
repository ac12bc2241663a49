#include "agent/repository/proof/not_before.hpp"

#include "agent/repository/proof/seal.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"

#include <algorithm>
#include <system_error>
#include <vector>

namespace bootwright {

namespace fs = std::filesystem;

namespace {

/// The commits that were shown before to descend from it.
std::vector<std::string> sealed(const fs::path& checkouts, const std::string& not_before) {
    std::vector<std::string> commits;
    std::error_code error;  // there need not be such a folder
    for (const auto& entry : fs::directory_iterator(checkouts, error)) {
        const std::string name = entry.path().filename();
        const auto seal = is_commit_id(name) ? read_seal(entry.path()) : std::nullopt;
        if (seal && seal->not_before == not_before) {
            commits.push_back(name);
        }
    }
    return commits;
}

}  // namespace

void require_not_before(const GitRepository& repository, const std::string& revision, const std::string& not_before,
                        const fs::path& checkouts) {
    if (not_before.empty() || revision == not_before) {
        return;
    }
    const Descent descent = repository.descent(revision, not_before);
    if (descent == Descent::refuted) {
        throw permanent_error(
            "repository.not_before",
            "commit " + revision + " does not descend from " + not_before + ", before which the image lets nothing run",
            "pin a newer commit; or, if this one is to run, correct repository.not_before (or "
            ".configuration_not_before) of agent.json");
    }
    const std::vector<std::string> known = sealed(checkouts, not_before);
    const auto is_shown = [&](const std::string& commit) {
        return repository.descent(revision, commit) == Descent::shown;
    };
    if (descent == Descent::unknown && std::none_of(known.begin(), known.end(), is_shown)) {
        throw permanent_error("repository.descent_unknown",
                              "whether commit " + revision + " descends from " + not_before +
                                  ", before which the image lets nothing run, is not known: the history between the "
                                  "two is not there",
                              "list a git repository that holds it: a snapshot and a shallow clone do not");
    }
}

}  // namespace bootwright
