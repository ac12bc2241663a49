// Apache CloudStack. Source of the protocol: Apache CloudStack, "User-Data and Meta-Data".
// https://docs.cloudstack.apache.org/en/latest/adminguide/api.html

#include "agent/platform/ec2_style.hpp"
#include "agent/platform/machine.hpp"
#include "agent/platform/metadata_service.hpp"
#include "agent/platform/platform.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/files/file.hpp"

#include <arpa/inet.h>

#include <array>
#include <charconv>
#include <filesystem>
#include <system_error>

namespace bootwright {

namespace {

namespace fs = std::filesystem;

bool is_ipv4(const std::string& text) {
    in_addr address{};
    return inet_pton(AF_INET, text.c_str(), &address) == 1;
}

/// The last value after `key` in a lease: "SERVER_ADDRESS=10.1.1.1", "  option dhcp-server-identifier 10.1.1.1;".
std::string last_value(const std::string& lease, std::string_view key) {
    const std::size_t found = lease.rfind(key);
    if (found == std::string::npos) {
        return "";
    }
    const std::size_t start = found + key.size();
    return std::string(trimmed(lease.substr(start, lease.find_first_of(";\n", start) - start)));
}

std::string server_in_leases(const System& system) {
    struct Place {
        const char* folder;
        std::string_view key;
    };
    // NetworkManager's own client names the server in the state of the device, and not in its lease (seen with 1.42.4). Where it
    // uses dhclient, the lease is that one's; an older one writes leases as systemd-networkd does.
    constexpr std::array<Place, 6> places{{{"/run/systemd/netif/leases", "SERVER_ADDRESS="},
                                           {"/run/NetworkManager/devices", "dhcp4.dhcp_server_identifier="},
                                           {"/var/lib/dhcp", "dhcp-server-identifier "},
                                           {"/var/lib/dhclient", "dhcp-server-identifier "},
                                           {"/var/lib/NetworkManager", "dhcp-server-identifier "},
                                           {"/var/lib/NetworkManager", "SERVER_ADDRESS="}}};
    for (const auto& [folder, key] : places) {
        std::error_code error;
        for (const auto& entry : fs::directory_iterator(system.path(folder), error)) {
            constexpr std::size_t largest_lease = 65536;
            const auto lease =
                entry.is_regular_file(error) ? read_file_start(entry.path(), largest_lease) : std::nullopt;
            if (const std::string server = last_value(lease.value_or(""), key); is_ipv4(server)) {
                return server;
            }
        }
    }
    return "";
}

/// The default route of /proc/net/route, whose addresses are hexadecimal, the lowest byte first.
std::string default_gateway(const System& system) {
    const auto table = read_file_if_exists(system.path("/proc/net/route"), 65536);
    for (const std::string& line : split(table.value_or(""), '\n')) {
        const auto fields = split(line, '\t');
        in_addr gateway{};
        if (fields.size() > 2 && fields[1] == "00000000" && fields[2].size() == 8 &&
            std::from_chars(fields[2].data(), fields[2].data() + 8, gateway.s_addr, 16).ec == std::errc()) {
            std::array<char, INET_ADDRSTRLEN> text{};
            inet_ntop(AF_INET, &gateway, text.data(), text.size());
            return text.data();
        }
    }
    return "";
}

/// The virtual router, which is the DHCP server, answers for the metadata too.
std::string virtual_router(const System& system) {
    const std::string server = server_in_leases(system);
    const std::string router = server.empty() ? default_gateway(system) : server;
    if (router.empty()) {
        throw transient_error("platform.no_router",
                              "CloudStack's metadata service is at the DHCP server, and no lease and no default route "
                              "says where that is",
                              "check that the network is configured by DHCP: `ip route`");
    }
    return router;
}

class CloudStack final : public Platform {
public:
    [[nodiscard]] std::string_view name() const override { return "cloudstack"; }

    [[nodiscard]] UserDataTerms user_data_terms() const override {
        // The default of vm.userdata.max.length, which an operator may raise to 1 MiB.
        return {.largest = 32768,
                .counts_base64 = true,
                .source = "https://cloudstack.apache.org/api/apidocs-4.20/apis/deployVirtualMachine.html"};
    }

    [[nodiscard]] std::vector<Evidence> detect(const System& system, const AgentConfig&) const override {
        // A network whose user-data comes by a drive has no service: "Config drive" of the administrator's guide.
        return {dmi_starts_with(system, "product_name", "CloudStack", Rank::hardware_after_drive)};
    }

    [[nodiscard]] InstanceMetadata read(const System& system, const AgentConfig& config,
                                        std::stop_token stop) const override {
        MetadataClient client(system, config, {.endpoints = {"http://" + virtual_router(system)}}, std::move(stop));
        return read_ec2_style(client, "cloudstack", "/latest");
    }
};

const CloudStack cloudstack;
const Registered<Platform> registered(cloudstack);

}  // namespace

}  // namespace bootwright
