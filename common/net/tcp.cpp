#include "common/net/tcp.hpp"

#include "common/base/clock.hpp"
#include "common/base/text.hpp"
#include "common/files/file.hpp"
#include "common/net/host_port.hpp"
#include "common/net/name_lookup.hpp"

#include <netdb.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace bootwright {

namespace {

using SteadyTime = std::chrono::steady_clock::time_point;

std::string words_for(int error_number) { return std::generic_category().message(error_number); }

/// poll() until the deadline, even if a signal interrupts it.
int poll_until(std::array<pollfd, 2>& polled, SteadyTime end) {
    while (true) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
        const int ready = poll(polled.data(), polled.size(), milliseconds_to_wait(left));
        if (ready >= 0 || errno != EINTR) {
            return ready;
        }
    }
}

/// "" once the connection stands.
std::string try_address(const addrinfo& address, int wake, SteadyTime end) {
    const UniqueFd fd(socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) {
        return words_for(errno);
    }
    if (connect(fd.get(), address.ai_addr, address.ai_addrlen) == 0) {
        return "";
    }
    if (errno != EINPROGRESS) {
        return words_for(errno);
    }
    std::array<pollfd, 2> polled{pollfd{fd.get(), POLLOUT, 0}, pollfd{wake, POLLIN, 0}};
    if (poll_until(polled, end) <= 0 || polled[1].revents != 0) {
        return "no answer";
    }
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    return error == 0 ? "" : words_for(error);
}

}  // namespace

std::optional<TcpPlace> parse_tcp_place(std::string_view text) {
    constexpr std::size_t longest = 300;
    const auto split = split_host_port(text);
    const auto port = split ? port_number(split->port) : std::nullopt;
    if (!port || text.size() > longest || !is_made_of(split->host, split->is_bracketed ? ".-_:%" : ".-_", longest)) {
        return std::nullopt;
    }
    return TcpPlace{std::string(split->host), *port};
}

std::optional<std::string> why_not_connected(const TcpPlace& place, std::chrono::milliseconds timeout,
                                             std::stop_token stop) {
    const SteadyTime end = std::chrono::steady_clock::now() + timeout;
    const Addresses addresses = look_up(place.host, place.port, timeout);
    if (!addresses.first) {
        return addresses.problem;
    }
    const UniqueFd wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    const std::stop_callback wake_on_stop(stop, [&] { eventfd_write(wake.get(), 1); });
    std::string problem;
    for (const addrinfo* address = addresses.first.get(); address != nullptr; address = address->ai_next) {
        problem = try_address(*address, wake.get(), end);
        if (problem.empty()) {
            return std::nullopt;
        }
    }
    return problem == "no answer" ? problem + " within " + to_human(timeout) : problem;
}

}  // namespace bootwright
