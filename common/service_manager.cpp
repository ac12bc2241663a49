#include "common/service_manager.hpp"

#include "common/file.hpp"

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

}  // namespace bootwright
