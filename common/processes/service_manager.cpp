#include "common/processes/service_manager.hpp"

#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/files/file.hpp"

#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <sstream>
#include <string>
#include <utility>

namespace bootwright {

namespace {

constexpr const char* systemctl = "/usr/bin/systemctl";
constexpr std::chrono::seconds longest{5};
constexpr std::chrono::milliseconds grace{500};

std::map<std::string, std::string> environment() { return {{"PATH", "/usr/bin:/bin"}, {"LC_ALL", "C.UTF-8"}}; }

}  // namespace

void notify_service_manager(std::string_view state) {
    const char* socket_name = std::getenv("NOTIFY_SOCKET");
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (socket_name == nullptr || (socket_name[0] != '/' && socket_name[0] != '@')) {
        return;
    }
    const std::size_t length = std::strlen(socket_name);
    if (length >= sizeof address.sun_path) {
        return;
    }
    std::memcpy(address.sun_path, socket_name, length);
    if (address.sun_path[0] == '@') {
        address.sun_path[0] = '\0';  // the abstract namespace
    }
    const UniqueFd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length);
    // systemd itself decides what a lost message means (a start timeout, the watchdog): nothing to do here.
    [[maybe_unused]] const auto sent =
        sendto(fd.get(), state.data(), state.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&address), size);
}

std::vector<UnitProperties> show_units(ProcessRunner& processes, const std::vector<std::string>& arguments,
                                       std::stop_token stop) {
    constexpr std::size_t most = 5000;  // units
    ProcessRequest request{.arguments = {systemctl, "show", "--no-pager"},
                           .environment = environment(),
                           .timeout = longest,
                           .grace = grace,
                           .ends_family = true};
    request.arguments.insert(request.arguments.end(), arguments.begin(), arguments.end());
    std::vector<UnitProperties> units(1);
    const auto read = [&](std::string_view line) {  // NAME=VALUE; an empty line stands between units
        const std::size_t equals = line.find('=');
        if (line.empty() && units.size() < most) {
            units.emplace_back();
        } else if (equals != std::string_view::npos) {
            units.back()[std::string(line.substr(0, equals))] = line.substr(equals + 1);
        }
    };
    const ProcessResult result = processes.run(request, {.line = read}, std::move(stop));
    const bool is_good = result.end == ProcessResult::End::exited && result.exit_code == 0;
    return is_good ? units : std::vector<UnitProperties>{};
}

std::vector<UnitJob> list_jobs(ProcessRunner& processes, std::stop_token stop) {
    constexpr std::size_t most = 5000;
    std::vector<UnitJob> jobs;
    const auto read_job = [&](std::string_view line) {  // "123 reboot.target start waiting"
        UnitJob job;
        std::string number;
        std::istringstream fields{std::string(line)};
        if (jobs.size() < most && fields >> number >> job.unit >> job.type >> job.state) {
            jobs.push_back(std::move(job));
        }
    };
    try {
        processes.run({.arguments = {systemctl, "list-jobs", "--no-legend", "--plain", "--no-pager", "--full"},
                       .environment = environment(),
                       .timeout = longest,
                       .grace = grace},
                      {.line = read_job}, std::move(stop));
    } catch (const Error&) {
        return {};  // there is no systemctl
    }
    return jobs;
}

GoingDown machine_going_down(ProcessRunner& processes) {
    const auto jobs = list_jobs(processes, {});
    const auto starts = [&](std::string_view unit) {
        return std::any_of(jobs.begin(), jobs.end(),
                           [&](const UnitJob& job) { return job.unit == unit && job.type == "start"; });
    };
    if (starts("reboot.target") || starts("soft-reboot.target") || starts("kexec.target")) {
        return GoingDown::reboot;
    }
    return starts("shutdown.target") ? GoingDown::off : GoingDown::no;
}

}  // namespace bootwright
