#include "common/processes/service_manager.hpp"

#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/files/file.hpp"

#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>

namespace bootwright {

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
        processes.run(
            {.arguments = {"/usr/bin/systemctl", "list-jobs", "--no-legend", "--plain", "--no-pager", "--full"},
             .environment = {{"PATH", "/usr/bin:/bin"}, {"LC_ALL", "C.UTF-8"}},
             .timeout = std::chrono::seconds(5),
             .grace = std::chrono::milliseconds(500)},
            {.line = read_job}, {});
    } catch (const Error&) {
        return GoingDown::no;  // there is no systemctl
    }
    return found;
}

}  // namespace bootwright
