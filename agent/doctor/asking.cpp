#include "agent/doctor/asking.hpp"

#include "agent/repository/fetch_outcome.hpp"
#include "common/base/clock.hpp"
#include "common/files/work_folder.hpp"
#include "common/processes/process.hpp"

#include <algorithm>
#include <utility>

namespace bootwright {

std::optional<Error> why_not_had(const Patient& patient, const RepositoryPin& pin, const ModuleWish& wish,
                                 std::chrono::milliseconds limit, std::stop_token stop) {
    const WorkFolder work;
    ModulesRequest request{.fetch = request_for(patient, pin, stop), .modules = {wish}};
    request.fetch.repositories = work.path() / "repository";
    request.fetch.checkouts = work.path() / "checkout";
    request.fetch.downloads = work.path() / "download";
    request.fetch.settings.seed.clear();
    request.fetch.settings.not_before.clear();
    request.fetch.settings.insecure = {wish.url.host_and_port()};  // what it gives is used for nothing
    request.fetch.settings.timeout = limit;
    request.fetch.settings.stall = std::min(request.fetch.settings.stall, limit);
    const Redactor redactor = secrets_of(request);
    const FetchEvents silent{.progress = [](std::string_view, std::uint64_t, std::uint64_t) {},
                             .heard = [](const PlaceAnswer&) {}};
    FetchOutcome answer;
    const ProcessEvents events{
        .line = [&](std::string_view line) { read_fetch_event(line, request, redactor, silent, answer); }};
    const ProcessResult result =
        patient.system.processes.run(fetch_process(patient.system, to_json(request), limit), events, std::move(stop));
    if (result.end == ProcessResult::End::stopped) {
        return stopped_error();
    }
    if (!answer.modules.empty()) {
        return answer.modules.front().problem;
    }
    if (answer.error) {
        return answer.error;
    }
    return transient_error("repository.timeout",
                           wish.url.shown() + " gave no complete answer within " + to_human(limit),
                           "check the server, and how fast the way to it is");
}

}  // namespace bootwright
