#include "common/net/name_server.hpp"

#include "common/base/clock.hpp"
#include "common/base/text.hpp"
#include "common/files/file.hpp"

#include <netdb.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <memory>
#include <system_error>

namespace bootwright {

namespace {

constexpr std::size_t header_size = 12;

std::string words_for(int error_number) { return std::generic_category().message(error_number); }

/// A question for the addresses (type A, class IN) of a host: RFC 1035, section 4.1. "" for what is no name.
std::string question(const std::string& id, const std::string& host) {
    constexpr std::size_t longest_label = 63;
    constexpr std::size_t longest_name = 253;
    std::string message =
        id + std::string("\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00", 10);  // recursion desired, one question
    for (const std::string& label : split(host.substr(0, host.ends_with('.') ? host.size() - 1 : host.size()), '.')) {
        if (label.empty() || label.size() > longest_label) {
            return "";
        }
        message += static_cast<char>(label.size());
        message += label;
    }
    message += std::string("\x00\x00\x01\x00\x01", 5);
    return host.size() > longest_name ? "" : message;
}

/// Waits for an answer with that id. 0, or an error number.
int await(int socket, const std::string& id, std::chrono::milliseconds limit) {
    const auto end = std::chrono::steady_clock::now() + limit;
    while (true) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
        pollfd polled{socket, POLLIN, 0};
        const int ready = poll(&polled, 1, milliseconds_to_wait(left));
        if (ready == 0) {
            return ETIMEDOUT;
        }
        std::array<char, 512> answer{};
        const ssize_t size = ready < 0 ? -1 : recv(socket, answer.data(), answer.size(), MSG_DONTWAIT);
        if (size < 0 && errno != EINTR && errno != EAGAIN) {
            return errno;
        }
        const bool is_answer = size >= static_cast<ssize_t>(header_size) && (answer[2] & 0x80) != 0;
        if (is_answer && id == std::string_view(answer.data(), id.size())) {
            return 0;
        }
    }
}

}  // namespace

std::optional<std::string> why_no_answer(const std::string& server, const std::string& host,
                                         std::chrono::milliseconds limit) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_DGRAM;
    hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
    addrinfo* found = nullptr;
    if (getaddrinfo(server.c_str(), "53", &hints, &found) != 0) {
        return "is no address";
    }
    const std::unique_ptr<addrinfo, void (*)(addrinfo*)> address(found, freeaddrinfo);
    std::string id(2, '\0');
    if (getrandom(id.data(), id.size(), 0) != static_cast<ssize_t>(id.size())) {
        return "was not asked: there are no random numbers";
    }
    const std::string message = question(id, host);
    if (message.empty()) {
        return "was not asked: " + host + " is no name";
    }
    const UniqueFd fd(socket(address->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    // Connected, it takes answers from nobody else, and hears that nobody listens there.
    if (!fd || connect(fd.get(), address->ai_addr, address->ai_addrlen) != 0 ||
        send(fd.get(), message.data(), message.size(), MSG_NOSIGNAL) < 0) {
        return "is not reached: " + words_for(errno);
    }
    const int error = await(fd.get(), id, limit);
    return error == 0           ? std::nullopt
           : error == ETIMEDOUT ? std::optional("does not answer within " + to_human(limit))
                                : std::optional("is not reached: " + words_for(error));
}

}  // namespace bootwright
