// Whether each place of each repository answers this machine, proves itself, and lets it read.

#include "agent/doctor/asking.hpp"
#include "agent/doctor/examination.hpp"
#include "agent/doctor/patient.hpp"
#include "agent/servers/objects/object_store.hpp"
#include "common/base/side_by_side.hpp"

#include <string>
#include <utility>

namespace bootwright {

namespace {

/// What no repository has: to be told so takes the name, the route, the proof and the credentials, and no transfer.
constexpr const char* nowhere = "refs/heads/bootwright-doctor/nowhere";

struct Place {
    RepositoryPin pin;
    Url url;
};

std::vector<Place> places_of(const Patient& patient) {
    std::vector<Place> places;
    for (const RepositoryPin& pin : pins_of(patient)) {
        places.push_back({pin, pin.url});
        for (const Url& mirror : pin.mirrors) {
            places.push_back({pin, mirror});
        }
    }
    return places;
}

Finding look_at_place(const Patient& patient, const Place& place, const std::stop_token& stop) {
    constexpr std::chrono::seconds limit{20};
    const bool has_snapshots = is_snapshot_url(place.url);
    const std::string revision = has_snapshots ? std::string(40, '0') : nowhere;
    const auto problem = why_not_had(patient, place.pin, {.url = place.url, .revisions = {revision}}, limit, stop);
    const std::string called = place.url.shown();
    if (!problem || problem->code == "git.revision_not_found") {
        return good(called + " answers, and lets this machine read");
    }
    if (has_snapshots && problem->code == "server.access_denied") {
        return not_known(called +
                             " answers, and does not say whether this machine may read: object stores refuse what "
                             "is not there",
                         "give the instance's role the right to list, or ask for a snapshot that is there");
    }
    Finding finding = finding_of(*problem);
    finding.what = finding.what.find(called) == std::string::npos ? called + ": " + finding.what : finding.what;
    return finding;
}

std::vector<Finding> look(const Patient& patient, std::stop_token stop) {
    constexpr std::size_t at_once = 4;
    const std::vector<Place> places = places_of(patient);
    if (places.empty()) {
        return {not_known("without a role config nobody can say which repository is needed",
                          "look at what is found of the instance")};
    }
    std::vector<Finding> findings(places.size());
    side_by_side(places.size(), at_once, [&](std::size_t number) {
        try {
            findings[number] = look_at_place(patient, places[number], stop);
        } catch (const Error& error) {
            findings[number] = finding_of(error);
        }
    });
    return findings;
}

const Examination places_examination{.key = "places", .limit = std::chrono::seconds(60), .look = look};
const Registered<Examination> registered(places_examination);

}  // namespace

}  // namespace bootwright
