#pragma once

#include "common/base/registered.hpp"
#include "common/documents/json.hpp"
#include "common/documents/schema_text.hpp"
#include "common/net/url.hpp"

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bootwright {

struct HealthTools;  // agent/health/checks.hpp

/// The result of one look at the machine.
struct HealthAnswer {
    bool ok = false;
    std::string said{};  ///< for people: "active", "status 503"
};

/// One question to the machine: does it do its work?
struct HealthCheck {
    std::string name{};  ///< as people know it; by default "unit nginx.service"
    std::chrono::milliseconds longest_look = std::chrono::seconds(10);
    Url url{};  ///< the URL that is asked; empty: none. Its credentials are never shown
    /// @throws Error, which counts as a bad answer
    std::function<HealthAnswer(const HealthTools& tools)> look{};
};

/// One kind of check. One file each, agent/health/KIND_check.cpp, which registers it.
struct HealthCheckKind {
    std::string_view key;                         ///< "unit"
    std::vector<SchemaProperty> (*properties)();  ///< this key and its further ones
    /// Why an image that makes demands takes it only from who may say what runs (KeyTrust::guarded); empty: from
    /// anyone.
    std::string_view guard{};
    /// Reads the check of `entry`. Returns nullopt if it has no such key, and then refuses further keys of this kind.
    /// @throws Error with the document's code, naming line and key
    std::optional<HealthCheck> (*read)(ObjectReader& entry);
};

struct HealthConfig {
    std::chrono::milliseconds timeout = std::chrono::minutes(2);  ///< in which all must become good
    std::vector<HealthCheck> checks{};
};

/// Reads the list at `word`. Returns nullopt if `health` has no such key. @throws Error with the document's code, naming line and key
std::optional<std::vector<HealthCheck>> read_health_checks(ObjectReader& health, const std::string& word);

/// What read_health_checks takes, as JSON Schema.
std::string health_checks_schema();

}  // namespace bootwright
