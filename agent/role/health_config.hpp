#pragma once

#include "common/documents/json.hpp"
#include "common/net/url.hpp"

#include <chrono>
#include <string>
#include <vector>

namespace bootwright {

/// One question to the machine. The answer says whether it does its work.
struct HealthCheck {
    enum class Kind { unit, tcp, http, command } kind = Kind::unit;
    std::string name{};                  ///< as people know it; where nothing is said: "unit nginx.service"
    std::string target{};                ///< a unit, HOST:PORT, or a program
    Url url{};                           ///< http
    int status = 0;                      ///< http: the only one that is good; 0: all from 200 to 299
    std::vector<std::string> command{};  ///< an absolute path first
};

struct HealthConfig {
    std::chrono::milliseconds timeout = std::chrono::minutes(2);  ///< until which all must be good
    std::vector<HealthCheck> checks{};
};

/// @throws Error with the document's code, naming line and key
std::vector<HealthCheck> read_health_checks(ObjectReader& health);

}  // namespace bootwright
