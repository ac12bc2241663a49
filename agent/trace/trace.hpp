#pragma once

#include "agent/config/system.hpp"
#include "agent/record/run_report.hpp"

#include <stop_token>

namespace bootwright {

/// Sends the trace of a finished run (otlp.hpp) to the collector that the agent's environment names, if it names one, in the
/// variables of OpenTelemetry: OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, or OTEL_EXPORTER_OTLP_ENDPOINT and below it /v1/traces
/// (https://opentelemetry.io/docs/specs/otel/protocol/exporter/). Takes half a minute at most, and never throws: a trace
/// that does not arrive is one line in the log, and is lost.
void send_trace(const System& system, const RunReport& report, const std::stop_token& stop);

}  // namespace bootwright
