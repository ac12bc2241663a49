#include "common/processes/service_manager.hpp"

#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/files/file.hpp"

#include <sys/socket.h>
#include <sys/un.h>

#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <cstring>
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

GoingDown machine_going_down(ProcessRunner& processes) {
    GoingDown found = GoingDown::no;
    const auto read_job = [&](std::string_view line) {  // "123 reboot.target start waiting"
        const auto is_of = [&](std::string_view unit) {
            return line.find(" " + std::string(unit) + " ") != std::string_view::npos &&
                   line.find(" start ") != std::string_view::npos;
        };
        if (is_of("reboot.target") || is_of("soft-reboot.target") || is_of("kexec.target")) {
            found = GoingDown::reboot;
        } else if (found == GoingDown::no && is_of("shutdown.target")) {
            found = GoingDown::off;
        }
    };
    try {
        processes.run({.arguments = {systemctl, "list-jobs", "--no-legend", "--plain", "--no-pager", "--full"},
                       .environment = environment(),
                       .timeout = longest,
                       .grace = grace},
                      {.line = read_job}, {});
    } catch (const Error&) {
        return GoingDown::no;  // there is no systemctl
    }
    return found;
}

}  // namespace bootwright
