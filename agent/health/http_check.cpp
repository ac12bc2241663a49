// A page over plain http. For https, use curl in a command.

#include "agent/health/checks.hpp"
#include "common/net/http.hpp"

namespace bootwright {

namespace {

constexpr int lowest_status = 100;
constexpr int highest_status = 599;

Url read_url(const std::string& text, const ObjectReader& entry) {
    if (text.starts_with("https://")) {
        throw entry.error("http", "https is not spoken here",
                          R"(ask a port that speaks plain http, or write "command": ["/usr/bin/curl", "-fsS", …])");
    }
    const auto url = Url::parse(text);
    if (!url || url->scheme() != "http") {
        throw entry.error("http", "expected an http URL: " + Url::why_refused(text).value_or("its scheme is another"),
                          R"(write it like "http://127.0.0.1/healthz")");
    }
    if (url->has_credentials()) {
        throw entry.error("http", "what a check asks for is shown to everybody, so credentials do not belong into it",
                          "leave them out, or write a `command` that reads them from a file");
    }
    return *url;
}

/// @param wanted the only status that is good; nullopt: all from 200 to 299
HealthAnswer look(const Url& url, const std::optional<int>& wanted, const HealthTools& tools) {
    const HttpResponse response =
        tools.system.http.send({.url = url, .connect_timeout = tools.limit, .timeout = tools.limit}, tools.stop);
    const bool ok = wanted ? response.status == *wanted : response.status >= 200 && response.status < 300;
    const std::string expected = wanted ? std::to_string(*wanted) : "200 to 299";
    return {ok, "status " + std::to_string(response.status) + (ok ? "" : ", not " + expected)};
}

std::optional<HealthCheck> read(ObjectReader& entry) {
    std::optional<int> status;
    entry.attempt([&] { status = entry.integer("status", lowest_status, highest_status); });
    const auto text = entry.string("http");
    if (!text && status) {
        throw entry.error("status", "belongs to `http`, and only to it", "remove this key");
    }
    if (!text) {
        return std::nullopt;
    }
    const Url url = read_url(*text, entry);
    return HealthCheck{.name = "http " + url.shown(), .url = url, .look = [url, status](const HealthTools& tools) {
                           return look(url, status, tools);
                       }};
}

const HealthCheckKind http_check{.key = "http",
                                 .properties =
                                     [] {
                                         return std::vector<SchemaProperty>{
                                             {"http", text_schema("^http://")},
                                             {"status", number_schema(lowest_status, highest_status)}};
                                     },
                                 .read = read};
const Registered<HealthCheckKind> registered(http_check);

}  // namespace

}  // namespace bootwright
