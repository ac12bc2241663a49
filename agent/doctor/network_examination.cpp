// Whether packets leave this machine: addresses, routes, and the proxy.

#include "agent/doctor/examination.hpp"
#include "agent/doctor/patient.hpp"
#include "agent/run/boot_wait.hpp"
#include "common/base/text.hpp"
#include "common/files/file.hpp"
#include "common/net/tcp.hpp"

#include <string>

namespace bootwright {

namespace {

/// The interfaces of default routes: in /proc/net/route the destination and the mask are hexadecimal, in ipv6_route the
/// destination and its prefix come first and the interface last (proc_net(5)).
std::string default_interface(const System& system) {
    constexpr std::size_t most = std::size_t{1} << 20U;
    for (const std::string& line : split(read_or_empty(system.path("/proc/net/route"), most), '\n')) {
        const auto fields = split(line, '\t');
        if (fields.size() > 7 && fields[1] == "00000000" && fields[7] == "00000000") {
            return fields[0];
        }
    }
    for (const std::string& line : split(read_or_empty(system.path("/proc/net/ipv6_route"), most), '\n')) {
        const std::string name(trimmed(std::string_view(line).substr(line.rfind(' ') + 1)));
        if (line.starts_with(std::string(32, '0') + " 00 ") && name != "lo") {
            return name;
        }
    }
    return "";
}

Finding look_at_route(const System& system) {
    if (!has_network(system)) {
        return bad("this machine has no address and no route beyond its own link",
                   "look at `ip address` and `ip route`, and at what configures the network: `networkctl status`");
    }
    const std::string interface = default_interface(system);
    return good(interface.empty() ? "there is no default route: only what the other routes lead to is reached"
                                  : "the default route is by " + interface);
}

Finding look_at_proxy(const Patient& patient, const std::stop_token& stop) {
    constexpr std::chrono::seconds limit{5};
    const Url proxy = repository_settings(patient).proxy;
    if (proxy.empty()) {
        return good("no proxy is configured");
    }
    const std::string from = patient.config.repository.proxy.empty() ? "the environment" : "agent.json";
    const std::string called = "the proxy " + proxy.server() + " of " + from;
    if (const auto problem = why_not_connected({proxy.host_to_connect(), proxy.port()}, limit, stop)) {
        return bad(called + " takes no connection: " + *problem,
                   "correct repository.proxy of agent.json, or https_proxy of the service's environment");
    }
    return good(called + " takes connections");
}

std::vector<Finding> look(const Patient& patient, std::stop_token stop) {
    std::vector<Finding> findings{look_at_route(patient.system)};
    try {
        findings.push_back(look_at_proxy(patient, stop));
    } catch (const Error& error) {  // of the environment: no URL
        findings.push_back(finding_of(error));
    }
    return findings;
}

const Examination network_examination{.key = "network", .limit = std::chrono::seconds(10), .look = look};
const Registered<Examination> registered(network_examination);

}  // namespace

}  // namespace bootwright
