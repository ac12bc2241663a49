#include "agent/trace/trace.hpp"

#include "agent/config/config.hpp"
#include "agent/servers/exchange.hpp"
#include "agent/trace/otlp.hpp"
#include "common/base/clock.hpp"
#include "common/base/error.hpp"
#include "common/base/log.hpp"
#include "common/base/retry.hpp"
#include "common/documents/json.hpp"
#include "common/net/url.hpp"

#include <chrono>
#include <cstddef>
#include <exception>
#include <string>

namespace bootwright {

namespace {

constexpr const char* advice =
    "check OTEL_EXPORTER_OTLP_ENDPOINT in the service's environment, and the collector's own log";

/// Empty: none is named. @throws Error config.invalid
Url collector_of(const System& system) {
    const auto named = [&](const char* variable) {
        const auto found = system.environment.find(variable);
        const std::string text = found == system.environment.end() ? "" : found->second;
        const auto url = Url::parse(text);
        const bool is_web = url && (url->scheme() == "http" || url->scheme() == "https");
        if (!text.empty() && (!is_web || url->exposes_credentials())) {
            throw permanent_error("config.invalid",
                                  std::string(variable) + " is no URL of a collector, or has a password for http",
                                  "write it like http://collector.example.com:4318");
        }
        return url.value_or(Url());
    };
    if (const Url exact = named("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"); !exact.empty()) {
        return exact;
    }
    const Url base = named("OTEL_EXPORTER_OTLP_ENDPOINT");
    const std::string path = base.empty() ? "" : base.path();
    return base.empty() ? base : base.with_target(path + (path.ends_with('/') ? "v1/traces" : "/v1/traces"));
}

/// Which answers may be followed by another try: https://opentelemetry.io/docs/specs/otlp/#retryable-response-codes
void check_taken(const WebResponse& response) {
    const int status = response.status;
    if (status >= 200 && status < 300) {
        return;
    }
    const std::string what = "HTTP status " + std::to_string(status);
    if (status == 429 || status == 502 || status == 503 || status == 504) {
        throw transient_error("trace.unavailable", what, advice);
    }
    throw permanent_error("trace.refused", what, advice);
}

void send(const System& system, const Url& collector, const RunReport& report, const std::stop_token& stop) {
    constexpr std::chrono::seconds limit{10};
    const RetryPolicy policy{2, std::chrono::seconds(1), std::chrono::seconds(5)};
    const AgentConfig config = read_agent_config(system);
    const WebRequest request{.method = "POST",
                             .url = collector,
                             .headers = {{"Content-Type", "application/json"}},
                             .body = to_line(otlp_trace(report)),
                             .max_bytes = std::size_t{64} << 10U};
    const Error too_late = transient_error("trace.unavailable", "no answer within " + to_human(limit), advice);
    const auto attempt = [&](int) {
        check_taken(exchange(system, config, system.state() / "download", request, limit, too_late, stop));
    };
    retry(policy, system.clock, system.random, stop, attempt, [](int, std::chrono::milliseconds, const Error&) {});
}

}  // namespace

void send_trace(const System& system, const RunReport& report, const std::stop_token& stop) {
    try {
        if (const Url collector = collector_of(system); !collector.empty() && report.finished) {
            send(system, collector, report, stop);
        }
    } catch (const Error& error) {
        log(LogLevel::warning,
            "the trace of run " + std::to_string(report.number) + " was not taken: " + error.message + " (" +
                error.code + ")",
            error.code);
    } catch (const std::exception& error) {
        log(LogLevel::warning, std::string("the trace of the run was not sent: ") + error.what());
    }
}

}  // namespace bootwright
