#include "agent/commands/past/between_revisions.hpp"

#include "agent/commands/repository/fetching.hpp"
#include "agent/doctor/patient.hpp"
#include "agent/repository/fetch_outcome.hpp"
#include "common/files/work_folder.hpp"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

namespace bootwright {

namespace fs = std::filesystem;

namespace {

constexpr std::chrono::minutes longest_transfer{1};

/// The control repository's places, and what opens them; none, if this machine's user-data does not name them.
FetchRequest request_with_places(const System& system) {
    const Patient machine = meet(system, {});
    if (machine.role_problem) {
        throw Error(*machine.role_problem);
    }
    const std::vector<RepositoryPin> pins = pins_of(machine);
    const auto control =
        std::find_if(pins.begin(), pins.end(), [](const auto& pin) { return pin.checkouts == "checkout"; });
    return control == pins.end() ? FetchRequest() : request_for(machine, *control, {});
}

/// A place on this machine is looked into, and not asked.
void move_local_places(BetweenRequest& request) {
    std::erase_if(request.fetch.places, [&](const Url& place) {
        if (place.scheme() != "file") {
            return false;
        }
        const fs::path folder = place.plain_path();
        std::error_code ignored;
        request.seeds.push_back(fs::is_directory(folder / ".git", ignored) ? folder / ".git" : folder);
        return true;
    });
}

void work_in(const WorkFolder& work, const System& system, BetweenRequest& request) {
    request.fetch.repositories = work.path() / "repository";
    request.fetch.downloads = work.path() / "download";
    request.fetch.settings.timeout = longest_transfer;
    request.kept = system.state() / "repository";
    request.seeds.push_back(system.path(AgentConfig::Repository().seed.string()));
}

}  // namespace

Between between_revisions(const System& system, const std::string& before, const std::string& after, bool asks) {
    BetweenRequest request{.before = before, .after = after};
    std::optional<Error> problem;
    try {
        request.fetch = asks ? request_with_places(system) : FetchRequest();
    } catch (const Error& error) {
        if (error.kind == ErrorKind::stopped) {
            throw;
        }
        problem = error;
    }
    const WorkFolder work;
    work_in(work, system, request);
    move_local_places(request);
    const Redactor redactor = secrets_of(request.fetch);
    FetchOutcome answer =
        ask_fetch_program(system, to_json(request), redactor,
                          [&](std::string_view line, const FetchEvents& events, FetchOutcome& outcome) {
                              read_fetch_event(line, request, redactor, events, outcome);
                              return outcome.between.has_value();
                          });
    if (problem && !answer.between->has_commits) {
        answer.between->not_deepened = problem;
    }
    return std::move(*answer.between);
}

}  // namespace bootwright
