#include "agent/role/health_config.hpp"

#include "common/base/encoding.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"

#include <algorithm>
#include <optional>

namespace bootwright {

namespace {

bool is_one_line(const std::string& text, std::size_t longest) {
    return !text.empty() && text.size() <= longest && printable(text) == text;
}

std::vector<const HealthCheckKind*> kinds() {
    std::vector<const HealthCheckKind*> all = Registered<HealthCheckKind>::all();
    std::sort(all.begin(), all.end(), [](const auto* left, const auto* right) { return left->key < right->key; });
    return all;
}

HealthCheck read_check(const ObjectReader& list, ObjectReader entry) {
    std::vector<HealthCheck> found;
    std::vector<std::string> keys;
    std::string second;  // key of another kind
    for (const HealthCheckKind* kind : kinds()) {
        keys.emplace_back(kind->key);
        if (auto check = kind->read(entry)) {
            second = found.empty() ? "" : kind->key;
            found.push_back(std::move(*check));
        }
    }
    const auto name = entry.string("name");
    entry.finish();
    const std::string advice = "write one of " + joined(keys, ", ");
    if (found.empty()) {
        throw list.error("checks", "a list entry asks for nothing", advice);
    }
    if (found.size() > 1) {
        throw entry.error(second, "a check asks for one thing only", advice);
    }
    if (name && !is_one_line(*name, 100)) {
        throw entry.error("name", "expected a short line", R"(write a name such as "the shop")");
    }
    HealthCheck check = std::move(found.front());
    check.name = name.value_or(check.name);
    return check;
}

}  // namespace

std::vector<HealthCheck> read_health_checks(ObjectReader& health) {
    constexpr std::size_t most_checks = 50;
    std::vector<HealthCheck> checks;
    for (const ObjectReader& entry : health.objects("checks").value_or(std::vector<ObjectReader>{})) {
        checks.push_back(read_check(health, entry));
    }
    if (checks.size() > most_checks) {
        throw health.error("checks", "more than " + std::to_string(most_checks) + " of them", "leave some out");
    }
    return checks;
}

}  // namespace bootwright
