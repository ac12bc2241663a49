// A unit of systemd.

#include "agent/health/checks.hpp"
#include "common/base/text.hpp"

namespace bootwright {

namespace {

/// systemd.unit(5), "Description", without what systemctl takes for a pattern.
bool is_unit(std::string_view text) { return is_made_of(text, ":-_.\\@", 255) && text.front() != '-'; }

HealthAnswer look(const std::string& unit, const HealthTools& tools) {
    HealthAnswer answer = tools.run({"/usr/bin/systemctl", "is-active", "--", unit});
    answer.said = answer.ok ? "active" : answer.said;
    return answer;
}

std::optional<HealthCheck> read(ObjectReader& entry) {
    const auto unit = entry.string("unit");
    if (!unit) {
        return std::nullopt;
    }
    if (!is_unit(*unit)) {
        throw entry.error("unit", "not the name of a unit", R"(write it like "nginx.service")");
    }
    return HealthCheck{.name = "unit " + *unit,
                       .look = [unit = *unit](const HealthTools& tools) { return look(unit, tools); }};
}

const HealthCheckKind unit_check{.key = "unit",
                                 .properties =
                                     [] {
                                         return std::vector<SchemaProperty>{{"unit", text_schema()}};
                                     },
                                 .read = read};
const Registered<HealthCheckKind> registered(unit_check);

}  // namespace

}  // namespace bootwright
