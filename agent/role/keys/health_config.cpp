#include "agent/role/keys/health_config.hpp"

#include "common/base/encoding.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"

#include <utility>

namespace bootwright {

namespace {

constexpr std::size_t most_checks = 50;
constexpr std::size_t longest_name = 100;

bool is_one_line(const std::string& text, std::size_t longest) {
    return !text.empty() && text.size() <= longest && printable(text) == text;
}

HealthCheck read_check(const ObjectReader& health, const std::string& word, ObjectReader entry) {
    std::vector<HealthCheck> found;
    std::vector<std::string> keys;
    std::string second;  // key of another kind
    bool is_read = true;
    for (const HealthCheckKind* kind : Registered<HealthCheckKind>::by_key()) {
        keys.emplace_back(kind->key);
        is_read = entry.attempt([&] {
            if (auto check = kind->read(entry)) {
                second = found.empty() ? "" : kind->key;
                found.push_back(std::move(*check));
            }
        }) && is_read;
    }
    std::optional<std::string> name;
    entry.attempt([&] { name = entry.string("name"); });
    entry.finish();
    if (!is_read) {
        return {};  // what is wrong is noted
    }
    const std::string advice = "write one of " + joined(keys, ", ");
    if (found.empty()) {
        throw health.error(word, "a list entry asks for nothing", advice);
    }
    if (found.size() > 1) {
        throw entry.error(second, "a check asks for one thing only", advice);
    }
    if (name && !is_one_line(*name, longest_name)) {
        throw entry.error("name", "expected a short line", R"(write a name such as "the shop")");
    }
    HealthCheck check = std::move(found.front());
    check.name = name.value_or(check.name);
    return check;
}

}  // namespace

std::optional<std::vector<HealthCheck>> read_health_checks(ObjectReader& health, const std::string& word) {
    const auto entries = health.objects(word);
    if (!entries) {
        return std::nullopt;
    }
    std::vector<HealthCheck> checks;
    for (const ObjectReader& entry : *entries) {
        entry.attempt([&] { checks.push_back(read_check(health, word, entry)); });
    }
    if (checks.size() > most_checks) {
        throw health.error(word, "more than " + std::to_string(most_checks) + " of them", "leave some out");
    }
    return checks;
}

std::string health_checks_schema() {
    std::vector<std::string> kinds;
    for (const HealthCheckKind* kind : Registered<HealthCheckKind>::by_key()) {
        std::vector<SchemaProperty> properties = kind->properties();
        properties.push_back({"name", text_schema("^.+$", longest_name)});
        kinds.push_back(object_schema(properties, R"("required": [")" + std::string(kind->key) + "\"]"));
    }
    return list_schema(R"({"oneOf": [)" + joined(kinds, ", ") + "]}", R"("maxItems": )" + std::to_string(most_checks));
}

}  // namespace bootwright
