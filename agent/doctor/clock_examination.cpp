// Whether the wall clock is right: certificates and signed requests depend on it.

#include "agent/doctor/examination.hpp"
#include "agent/doctor/patient.hpp"
#include "agent/run/boot_wait.hpp"
#include "agent/servers/exchange.hpp"
#include "common/base/clock.hpp"
#include "common/base/http_date.hpp"
#include "common/files/work_folder.hpp"

#include <optional>
#include <string>

namespace bootwright {

namespace {

using WallTime = std::chrono::system_clock::time_point;

constexpr const char* advice =
    "have it set: `timedatectl` says by whom; systemd-timesyncd or chrony has to run and to reach its servers";

struct ServerTime {
    std::string server;
    WallTime says;
};

/// What the server of a repository says. Nothing else of its answer counts.
std::optional<ServerTime> ask(const Patient& patient, const Url& url, const std::stop_token& stop) {
    constexpr std::chrono::seconds limit{8};
    const WorkFolder work;
    const WebRequest request{.url = Url(url.server() + "/")};
    try {
        const WebResponse response =
            exchange(patient.system, patient.config, work.path() / "download", request, limit, stopped_error(), stop);
        const auto date = response.headers.find("date");
        const auto time = date == response.headers.end() ? std::nullopt : parse_http_date(date->second);
        return time ? std::optional(ServerTime{url.server(), *time}) : std::nullopt;
    } catch (const Error&) {
        return std::nullopt;  // another examination says what is wrong with the way there
    }
}

std::optional<ServerTime> time_of_a_server(const Patient& patient, const std::stop_token& stop) {
    for (const RepositoryPin& pin : pins_of(patient)) {
        const bool is_web = pin.url.scheme() == "https" || pin.url.scheme() == "http";
        if (auto answer = is_web ? ask(patient, pin.url, stop) : std::nullopt) {
            return answer;
        }
    }
    return std::nullopt;
}

std::vector<Finding> look(const Patient& patient, std::stop_token stop) {
    constexpr WallTime impossible{std::chrono::seconds(1'704'067'200)};  // the start of 2024: before this program
    constexpr std::chrono::minutes most{5};                              // as signed requests to clouds allow
    const WallTime now = patient.system.clock.now().wall;
    const std::string says = "it says " + to_iso8601(now);
    if (now < impossible) {
        return {bad(says + ", which is long past", advice)};
    }
    const auto server = time_of_a_server(patient, stop);
    const auto off = server ? std::chrono::duration_cast<std::chrono::milliseconds>(
                                  server->says > now ? server->says - now : now - server->says)
                            : std::chrono::milliseconds(0);
    if (off > most) {
        return {bad(says + ", and " + server->server + " says " + to_iso8601(server->says), advice)};
    }
    if (is_clock_set(patient.system)) {
        return {good(says + ", and was set by time servers")};
    }
    if (server) {
        return {good(says + ", within " + to_human(most) + " of what " + server->server +
                     " says; no time server has set it")};
    }
    return {not_known(says + ", but no time server has set it", advice)};
}

const Examination clock_examination{.key = "clock", .limit = std::chrono::seconds(20), .look = look};
const Registered<Examination> registered(clock_examination);

}  // namespace

}  // namespace bootwright
