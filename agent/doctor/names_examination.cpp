// Whether the names that the configuration needs have addresses, and which name server is dead.

#include "agent/doctor/examination.hpp"
#include "agent/doctor/patient.hpp"
#include "common/base/text.hpp"
#include "common/files/file.hpp"
#include "common/net/name_lookup.hpp"
#include "common/net/name_server.hpp"

#include <arpa/inet.h>
#include <netdb.h>

#include <algorithm>
#include <array>
#include <string>

namespace bootwright {

namespace {

constexpr std::chrono::seconds longest_look_up{6};  // longer than the C library gives one name server

bool is_address(const std::string& host) {
    std::array<unsigned char, sizeof(in6_addr)> bytes{};
    return inet_pton(AF_INET, host.c_str(), bytes.data()) == 1 ||
           inet_pton(AF_INET6, host.substr(0, host.find('%')).c_str(), bytes.data()) == 1;
}

/// The hosts that this machine has to look up. Behind a proxy, the proxy looks up those of web servers.
std::vector<std::string> names_needed(const Patient& patient) {
    const AgentConfig::Repository settings = repository_settings(patient);
    std::vector<Url> urls;
    for (const RepositoryPin& pin : pins_of(patient)) {
        urls.push_back(pin.url);
        urls.insert(urls.end(), pin.mirrors.begin(), pin.mirrors.end());
    }
    const AgentConfig& config = patient.config;
    urls.insert(urls.end(), config.modules.mirrors.begin(), config.modules.mirrors.end());
    urls.insert(urls.end(), {config.s3.endpoint, config.secrets_endpoint});
    if (patient.role) {
        for (const auto& [kind, receiver] : patient.role->announce.receivers) {
            urls.push_back(receiver.url);
        }
    }
    if (!settings.proxy.empty()) {
        std::erase_if(urls, [](const Url& url) { return url.scheme() == "https" || url.scheme() == "http"; });
        urls.push_back(settings.proxy);
    }
    std::vector<std::string> names;
    for (const Url& url : urls) {
        const bool is_server = url.scheme() == "https" || url.scheme() == "http" || url.scheme() == "ssh" ||
                               url.scheme() == "git";  // those of object stores are no hosts
        if (is_server && !is_address(url.host()) && std::find(names.begin(), names.end(), url.host()) == names.end()) {
            names.push_back(url.host());
        }
    }
    return names;
}

std::string text_of(const addrinfo& address) {
    std::array<char, NI_MAXHOST> text{};
    const int failure =
        getnameinfo(address.ai_addr, address.ai_addrlen, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST);
    return failure == 0 ? text.data() : "an address";
}

Finding look_at_name(const std::string& name) {
    const Addresses addresses = look_up(name, 443, longest_look_up);
    return addresses.first ? good(name + " is " + text_of(*addresses.first))
                           : bad(addresses.problem, look_up_advice(name));
}

Finding look_at_server(const std::string& server, const std::string& name) {
    constexpr std::chrono::seconds limit{2};
    const std::string called = "name server " + server + " of /etc/resolv.conf";
    if (const auto problem = why_no_answer(server, name, limit)) {
        return bad(called + " " + *problem,
                   "bring it back, or take it out of what writes /etc/resolv.conf: each look-up waits for it first, if "
                   "it stands before the others");
    }
    return good(called + " answers");
}

std::vector<Finding> look(const Patient& patient, std::stop_token stop) {
    constexpr std::size_t largest = std::size_t{64} << 10U;
    const std::vector<std::string> names = names_needed(patient);
    if (names.empty()) {
        return {patient.role ? good("no name has to be looked up")
                             : not_known("without a role config nobody can say which names are needed",
                                         "look at what is found of the instance")};
    }
    std::vector<Finding> findings;
    for (const std::string& server : name_servers_of(read_or_empty(patient.system.path("/etc/resolv.conf"), largest))) {
        findings.push_back(look_at_server(server, names.front()));
    }
    for (const std::string& name : names) {
        findings.push_back(stop.stop_requested() ? finding_of(stopped_error()) : look_at_name(name));
    }
    return findings;
}

const Examination names_examination{.key = "names", .limit = std::chrono::seconds(25), .look = look};
const Registered<Examination> registered(names_examination);

}  // namespace

}  // namespace bootwright
