#include "common/net/name_lookup.hpp"

#include "common/base/clock.hpp"
#include "common/base/encoding.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/files/file.hpp"

#include <netdb.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

namespace bootwright {

namespace {

constexpr const char* resolv_conf_file = "/etc/resolv.conf";
constexpr const char* stub_of_systemd = "127.0.0.53";

std::vector<std::string> name_servers_here() {
    constexpr std::size_t largest = std::size_t{64} << 10U;
    try {
        return name_servers_of(read_file_if_exists(resolv_conf_file, largest).value_or(""));
    } catch (const Error&) {
        return {};  // the look-up failed, and that is what has to be said
    }
}

/// What a look-up and whoever waits for it share.
struct Answer {
    std::mutex mutex{};
    std::condition_variable arrived{};
    std::optional<int> status{};
    std::shared_ptr<const addrinfo> first{};
};

}  // namespace

std::vector<std::string> name_servers_of(std::string_view resolv_conf) {
    constexpr std::size_t most = 3;       // MAXNS of resolv.h
    constexpr std::size_t longest = 100;  // of an address with its zone
    std::vector<std::string> servers;
    for (const std::string& line : split(resolv_conf, '\n')) {
        constexpr std::string_view keyword = "nameserver";
        if (!line.starts_with(keyword) || servers.size() == most) {
            continue;
        }
        const std::string rest = line.substr(keyword.size());
        const std::string_view server = trimmed(rest);
        if (server.size() < rest.size() && !server.empty()) {
            servers.push_back(shortened(printable(server.substr(0, server.find_first_of(" \t"))), longest));
        }
    }
    return servers;
}

std::string look_up_problem(const std::string& host, const std::string& why) {
    const auto servers = name_servers_here();
    return "the name " + host + " " + why + "; " +
           (servers.empty() ? std::string(resolv_conf_file) + " names no name server"
                            : "name servers of " + std::string(resolv_conf_file) + ": " + joined(servers, ", "));
}

std::string look_up_advice(const std::string& host) {
    const auto servers = name_servers_here();
    const bool is_stub = std::find(servers.begin(), servers.end(), stub_of_systemd) != servers.end();
    return "check the name, and that the name servers answer this machine: `getent ahosts " + host + "`" +
           (is_stub ? "; `resolvectl status` shows whom systemd-resolved asks" : "");
}

Addresses look_up(const std::string& host, int port, std::chrono::milliseconds limit) {
    const auto answer = std::make_shared<Answer>();
    std::thread([answer, host, port] {
        addrinfo hints{};
        hints.ai_family = AF_UNSPEC;
        hints.ai_socktype = SOCK_STREAM;
        hints.ai_flags = AI_NUMERICSERV;
        addrinfo* found = nullptr;
        const int status = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
        const std::lock_guard lock(answer->mutex);
        if (status == 0) {
            answer->first.reset(found, freeaddrinfo);
        }
        answer->status = status;
        answer->arrived.notify_one();
    }).detach();
    std::unique_lock lock(answer->mutex);
    if (!answer->arrived.wait_for(lock, limit, [&] { return answer->status.has_value(); })) {
        return {nullptr, look_up_problem(host, "was not looked up within " + to_human(limit))};
    }
    if (*answer->status != 0) {
        return {nullptr, look_up_problem(host, std::string("was not found: ") + gai_strerror(*answer->status))};
    }
    return {answer->first, ""};
}

}  // namespace bootwright
