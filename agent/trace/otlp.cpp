#include "agent/trace/otlp.hpp"

#include "agent/timeline/timeline.hpp"
#include "common/base/sha256.hpp"
#include "common/base/text.hpp"
#include "common/base/version.hpp"

#include <array>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace bootwright {

namespace {

using Kind = TimelineBar::Kind;

constexpr int internal = 1;  // SpanKind
constexpr int ok = 1;        // Status.StatusCode
constexpr int failed = 2;

// Ids are hex, and 64-bit numbers are strings (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding).
constexpr std::size_t trace_id_digits = 32;
constexpr std::size_t span_id_digits = 16;

Json attribute(const char* key, const std::string& value) {
    return {{"key", key}, {"value", {{"stringValue", value}}}};
}

/// Adds one that has a value.
void add(Json& attributes, const char* key, const std::string& value) {
    if (!value.empty()) {
        attributes.push_back(attribute(key, value));
    }
}

/// The cloud as OpenTelemetry calls it (https://opentelemetry.io/docs/specs/semconv/resource/cloud/); "": it has no word.
std::string cloud_of(std::string_view platform) {
    constexpr std::array<std::pair<std::string_view, const char*>, 5> clouds{
        {{"alibaba", "alibaba_cloud"}, {"azure", "azure"}, {"ec2", "aws"}, {"gce", "gcp"}, {"oracle", "oracle_cloud"}}};
    for (const auto& [name, cloud] : clouds) {
        if (name == platform) {
            return cloud;
        }
    }
    return "";
}

/// Who the run was of.
Json resource_of(const RunReport& report) {
    const InstanceMetadata instance = report.instance.value_or(InstanceMetadata{});
    Json attributes =
        Json::array({attribute("service.name", "bootwright"), attribute("service.version", std::string(version))});
    add(attributes, "host.id", instance.instance_id);
    add(attributes, "host.name", instance.hostname);
    add(attributes, "host.type", instance.instance_type);
    add(attributes, "host.image.id", instance.image_id);
    add(attributes, "cloud.provider", cloud_of(instance.platform));
    add(attributes, "cloud.region", instance.region);
    add(attributes, "cloud.availability_zone", instance.zone);
    add(attributes, "cloud.account.id", instance.account);
    add(attributes, "bootwright.platform", instance.platform);
    add(attributes, "bootwright.role", report.role);
    return {{"attributes", std::move(attributes)}};
}

Json attributes_of_run(const RunReport& report) {
    Json attributes =
        Json::array({{{"key", "bootwright.run"}, {"value", {{"intValue", std::to_string(report.number)}}}}});
    add(attributes, "bootwright.cause", std::string(to_string(report.cause)));
    add(attributes, "bootwright.outcome", std::string(to_string(report.puppet.outcome)));
    add(attributes, "vcs.ref.head.revision", report.revision_resolved);
    add(attributes, "error.type", report.error ? report.error->code : "");
    return attributes;
}

/// How deep a piece lies: each is a part of the last one before it that lies less deep.
int depth_of(Kind kind) {
    switch (kind) {
        case Kind::before:
        case Kind::stage: return 1;
        case Kind::wait:
        case Kind::pause:
        case Kind::place:
        case Kind::phase: return 2;
        case Kind::resource: break;
    }
    return 3;
}

class Spans {
public:
    explicit Spans(const RunReport& report)
        : report_(report),
          began_(std::chrono::duration_cast<std::chrono::nanoseconds>(report.started.wall.time_since_epoch()).count()),
          trace_id_(sha256_hex(report.boot_id + " " + std::to_string(report.number) + " " + std::to_string(began_))
                        .substr(0, trace_id_digits)) {}

    Json all() {
        const Timeline timeline = timeline_of(to_json(report_), {});
        const std::chrono::duration<double> took =
            report_.finished.value_or(report_.started).since_boot - report_.started.since_boot;
        add_span("run", "", 0, took.count(), report_.error ? failed : ok)["attributes"] = attributes_of_run(report_);
        std::array<std::string, 3> last{id_of(0)};  // by depth; those of depth 3 have no parts
        for (const TimelineBar& bar : timeline.bars) {
            const auto depth = static_cast<std::size_t>(depth_of(bar.kind));
            const bool is_bad = report_.error && bar.kind == Kind::stage && bar.what == to_string(report_.stage);
            Json& span = add_span(std::string(name_of(bar.kind)) + " " + bar.what, last.at(depth - 1), bar.from,
                                  bar.seconds, is_bad ? failed : ok);
            for (std::size_t deeper = depth; deeper < last.size(); ++deeper) {
                last.at(deeper) = span["spanId"].get<std::string>();
            }
        }
        return std::move(spans_);
    }

private:
    [[nodiscard]] std::string id_of(std::size_t number) const {
        return sha256_hex(trace_id_ + " " + std::to_string(number)).substr(0, span_id_digits);
    }

    /// @param from seconds since the run's start
    [[nodiscard]] std::string time_at(double from) const {
        constexpr double nanoseconds = 1e9;
        return std::to_string(began_ + static_cast<std::int64_t>(std::llround(from * nanoseconds)));
    }

    Json& add_span(const std::string& name, const std::string& parent, double from, double seconds, int status) {
        constexpr std::size_t longest_name = 200;
        Json span{{"traceId", trace_id_},
                  {"spanId", id_of(spans_.size())},
                  {"name", shortened_within(name, longest_name)},
                  {"kind", internal},
                  {"startTimeUnixNano", time_at(from)},
                  {"endTimeUnixNano", time_at(from + seconds)},
                  {"status", {{"code", status}}}};
        if (!parent.empty()) {
            span["parentSpanId"] = parent;
        }
        if (status == failed && report_.error) {
            span["status"]["message"] = report_.error->message;
        }
        return spans_.emplace_back(std::move(span));
    }

    const RunReport& report_;
    std::int64_t began_;  ///< nanoseconds since 1970
    std::string trace_id_;
    Json spans_ = Json::array();
};

}  // namespace

Json otlp_trace(const RunReport& report) {
    const Json scope{{"name", "bootwright"}, {"version", version}};
    const Json scope_spans{{"scope", scope}, {"spans", Spans(report).all()}};
    const Json resource_spans{{"resource", resource_of(report)}, {"scopeSpans", Json::array({scope_spans})}};
    return {{"resourceSpans", Json::array({resource_spans})}};
}

}  // namespace bootwright
