#pragma once

#include "common/base/text.hpp"
#include "common/files/file.hpp"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <functional>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace bootwright {

/// What a server does with one request.
struct Reply {
    std::string bytes{};
    enum class Then { close, next_request, wait, drip } then = Then::close;  ///< drip: byte by byte, then close
    std::function<void()> before{};
};

/// A server on the loopback interface that answers by script, byte for byte, one connection after the other.
class RawServer {
public:
    explicit RawServer(std::vector<Reply> replies) : listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        if (bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 ||
            listen(listener_.get(), 8) != 0 ||
            getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
            throw std::system_error(errno, std::generic_category(), "a server on the loopback interface");
        }
        port_ = ntohs(address.sin_port);
        thread_ = std::thread([this, script = std::move(replies)] { serve(script); });
    }
    RawServer(const RawServer&) = delete;
    RawServer& operator=(const RawServer&) = delete;
    ~RawServer() { finish(); }

    [[nodiscard]] std::string url(const std::string& path = "/") const {
        return "http://127.0.0.1:" + std::to_string(port_) + path;
    }
    /// What was asked, when all has been answered or the clients are gone.
    const std::vector<std::string>& finish() {
        if (thread_.joinable()) {
            shutdown(listener_.get(), SHUT_RDWR);
            thread_.join();
        }
        return requests_;
    }
    [[nodiscard]] int connections() const { return connections_; }

private:
    void serve(const std::vector<Reply>& script) {
        auto reply = script.begin();
        while (reply != script.end()) {
            const UniqueFd connection(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
            if (!connection) {
                return;
            }
            ++connections_;
            bool open = true;
            while (open && reply != script.end() && read_request(connection.get())) {
                if (reply->before) {
                    reply->before();
                }
                if (reply->then == Reply::Then::drip) {
                    drip(connection.get(), reply->bytes);
                } else {
                    send(connection.get(), reply->bytes.data(), reply->bytes.size(), MSG_NOSIGNAL);
                }
                if (reply->then == Reply::Then::wait) {
                    read_request(connection.get());  // until the client closes
                }
                open = reply->then == Reply::Then::next_request;
                ++reply;
            }
        }
    }

    /// A byte every two milliseconds, as long as the client listens.
    static void drip(int fd, std::string_view bytes) {
        constexpr int pause_ms = 2;
        for (const char byte : bytes) {
            pollfd closed{.fd = fd, .events = POLLIN, .revents = 0};
            if (send(fd, &byte, 1, MSG_NOSIGNAL) != 1 || poll(&closed, 1, pause_ms) != 0) {
                return;
            }
        }
    }

    /// Of the whole request, as far as is known yet.
    static std::size_t size_of(const std::string& request) {
        constexpr std::string_view length = "\r\ncontent-length: ";
        const std::size_t end = request.find("\r\n\r\n");
        if (end == std::string::npos) {
            return request.size() + 1;
        }
        const std::size_t at = lower(request.substr(0, end)).find(length);
        return end + 4 + (at == std::string::npos ? 0 : std::stoul(request.substr(at + length.size())));
    }

    bool read_request(int fd) {
        std::string request;
        std::array<char, 4096> buffer{};
        while (request.size() < size_of(request)) {
            const ssize_t count = recv(fd, buffer.data(), buffer.size(), 0);
            if (count <= 0) {
                return false;
            }
            request.append(buffer.data(), static_cast<std::size_t>(count));
        }
        requests_.push_back(request);
        return true;
    }

    UniqueFd listener_;
    int port_ = 0;
    int connections_ = 0;
    std::vector<std::string> requests_;
    std::thread thread_;
};

inline std::string answer(const std::string& status_line, const std::string& body,
                          const std::string& more_headers = "") {
    return "HTTP/1.1 " + status_line + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + more_headers +
           "\r\n" + body;
}

/// The ways in which a server says where its answer ends: a length, the end of the connection, chunks.
inline std::vector<std::string> each_framing_of(const std::string& body) {
    return {answer("200 OK", body), "HTTP/1.1 200 OK\r\n\r\n" + body,
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + hex_of(body.size()) + "\r\n" + body +
                "\r\n0\r\n\r\n"};
}

/// `count` headers, each with a value of `length` bytes.
inline std::string header_lines(int count, std::size_t length) {
    std::string lines;
    for (int i = 0; i < count; ++i) {
        lines += "X-" + std::to_string(i) + ": " + std::string(length, 'x') + "\r\n";
    }
    return lines;
}

}  // namespace bootwright
