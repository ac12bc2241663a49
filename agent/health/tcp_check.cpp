// A port, of this machine or another.

#include "agent/health/checks.hpp"
#include "common/net/tcp.hpp"

namespace bootwright {

namespace {

std::optional<HealthCheck> read(ObjectReader& entry) {
    const auto text = entry.string("tcp");
    if (!text) {
        return std::nullopt;
    }
    const auto place = parse_tcp_place(*text);
    if (!place) {
        throw entry.error("tcp", "expected a host and a port", R"(write it like "127.0.0.1:80" or "[::1]:80")");
    }
    return HealthCheck{.name = "tcp " + *text, .look = [place = *place](const HealthTools& tools) {
                           const auto problem = why_not_connected(place, tools.limit, tools.stop);
                           return HealthAnswer{!problem, problem.value_or("connected")};
                       }};
}

const HealthCheckKind tcp_check{.key = "tcp",
                                .properties =
                                    [] {
                                        return std::vector<SchemaProperty>{{"tcp", text_schema()}};
                                    },
                                .read = read};
const Registered<HealthCheckKind> registered(tcp_check);

}  // namespace

}  // namespace bootwright
