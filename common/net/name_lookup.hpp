#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

struct addrinfo;

namespace bootwright {

/// The name servers that the C library asks, in its order: the first three of resolv.conf(5).
std::vector<std::string> name_servers_of(std::string_view resolv_conf);

/// Why a name has no address, and who was asked for it, by /etc/resolv.conf: "the name git.test was not looked up within
/// 10 s; name servers of /etc/resolv.conf: 10.0.0.2".
/// @param why "was not looked up within 10 s"
std::string look_up_problem(const std::string& host, const std::string& why);
/// What to do then.
std::string look_up_advice(const std::string& host);

/// What came of a look-up.
struct Addresses {
    std::shared_ptr<const addrinfo> first{};  ///< a list; null if there is none
    std::string problem{};                    ///< as look_up_problem(); "" if there is none
};

/// The TCP addresses of a host, by getaddrinfo, which itself may take minutes when no name server answers. A look-up that
/// is given up ends by itself later, in a thread of its own.
Addresses look_up(const std::string& host, int port, std::chrono::milliseconds limit);

}  // namespace bootwright
