// Whether what is kept of the repositories is whole: the checkouts, and the objects that they were made of.

#include "agent/doctor/asking.hpp"
#include "agent/doctor/examination.hpp"
#include "agent/doctor/patient.hpp"
#include "agent/record/history.hpp"
#include "agent/repository/proof/seal.hpp"
#include "common/base/text.hpp"

#include <algorithm>
#include <filesystem>
#include <string>

namespace bootwright {

namespace {

namespace fs = std::filesystem;

/// The checkouts of the last good run and all others that are kept, which another may need as soon as it fails.
std::vector<fs::path> checkouts_of(const Patient& patient) {
    std::vector<fs::path> checkouts;
    for (const RepositoryPin& pin : pins_of(patient)) {
        std::error_code error;
        for (const auto& entry : fs::directory_iterator(patient.system.state() / pin.checkouts, error)) {
            const std::string name = entry.path().filename().string();
            if (is_commit_id(name) && fs::is_directory(entry.symlink_status(error))) {
                checkouts.push_back(entry.path());
            }
        }
    }
    return checkouts;
}

std::string called(const fs::path& checkout) {
    constexpr std::size_t short_id = 12;
    return "the checkout of " + checkout.filename().string().substr(0, short_id);
}

Finding look_at_checkout(const fs::path& checkout, const std::optional<Seal>& seal) {
    const std::string again = "nothing to do: the next run that needs it makes it anew";
    if (!seal) {
        return bad(called(checkout) + " has no seal: a run was cut off while it was made, or somebody made it by hand",
                   again);
    }
    if (seal->fingerprint != tree_fingerprint(checkout)) {
        return bad(called(checkout) + " was changed since it was proven",
                   again + "; change the control repository instead, not " + checkout.string());
    }
    return good(called(checkout) + " is as it was proven");
}

/// Has all objects of the commits read, and their hashes compared, without asking any server.
Finding look_at_objects(const Patient& patient, const fs::path& checkout, const Seal& seal,
                        const std::stop_token& stop) {
    constexpr std::chrono::seconds limit{40};
    for (const SealedCommit& sealed : seal.commits) {
        const fs::path repository = patient.system.state() / "repository" / sealed.repository;
        const ModuleWish wish{.url = Url::of_file(repository), .revisions = {sealed.commit}};
        if (const auto problem = why_not_had(patient, {}, wish, limit, stop)) {
            Finding finding = finding_of(*problem);
            finding.what = "objects of " + called(checkout) + ": " + finding.what;
            finding.advice = finding.state == Finding::State::bad
                                 ? "remove " + repository.string() +
                                       " while no run is under way: the next one fetches "
                                       "what it needs; and check the disk (`dmesg`, `smartctl`)"
                                 : finding.advice;
            return finding;
        }
    }
    return good("the objects of " + called(checkout) +
                " are complete and undamaged: " + counted(seal.commits.size(), "commit"));
}

std::vector<Finding> look(const Patient& patient, std::stop_token stop) {
    std::vector<Finding> findings;
    for (const fs::path& checkout : checkouts_of(patient)) {
        if (stop.stop_requested()) {
            return findings.push_back(finding_of(stopped_error())), findings;
        }
        const auto seal = read_seal(checkout);
        findings.push_back(look_at_checkout(checkout, seal));
        if (seal && !seal->commits.empty()) {
            findings.push_back(look_at_objects(patient, checkout, *seal, stop));
        }
    }
    return findings.empty() ? std::vector{good("no checkout is kept yet")} : findings;
}

const Examination repository_examination{.key = "repository", .limit = std::chrono::seconds(60), .look = look};
const Registered<Examination> registered(repository_examination);

}  // namespace

}  // namespace bootwright
