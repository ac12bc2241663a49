#pragma once

#include "agent/record/run_report.hpp"
#include "common/documents/json.hpp"

namespace bootwright {

/// A finished run as a trace of OpenTelemetry, for POST /v1/traces with JSON (https://opentelemetry.io/docs/specs/otlp/#otlphttp;
/// the messages: opentelemetry/proto/trace/v1/trace.proto). It has a span for the run and one for each piece of its timeline.
/// It says nothing that the status does not. The same report gives the same ids, so that a trace that is sent twice is one.
Json otlp_trace(const RunReport& report);

}  // namespace bootwright
