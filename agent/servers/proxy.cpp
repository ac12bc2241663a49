#include "agent/servers/proxy.hpp"

#include "common/base/error.hpp"
#include "common/net/url.hpp"

namespace bootwright {

namespace {

/// Reads it as curl does: "proxy:3128" is an http proxy. @throws Error config.invalid, which does not quote it
std::string proxy_of_environment(const std::string& text) {
    const std::string whole = text.empty() || text.find("://") != std::string::npos ? text : "http://" + text;
    if (const auto why = whole.empty() ? std::nullopt : Url::why_refused(whole)) {
        throw permanent_error("config.invalid", "https_proxy of the environment is no URL of a proxy: " + *why,
                              "write it like http://proxy.example.com:3128; in a password write each sign that is no "
                              "letter and no digit as %XX");
    }
    return whole;
}

}  // namespace

void add_proxy_of(const std::map<std::string, std::string>& environment, AgentConfig::Repository& settings) {
    const auto variable = [&](const char* name) {
        const auto found = environment.find(name);
        return found == environment.end() ? "" : found->second;
    };
    if (settings.proxy.empty()) {
        settings.proxy =
            proxy_of_environment(variable("https_proxy").empty() ? variable("HTTPS_PROXY") : variable("https_proxy"));
        settings.no_proxy = variable("no_proxy").empty() ? variable("NO_PROXY") : variable("no_proxy");
    }
}

}  // namespace bootwright
