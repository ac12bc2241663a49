#include "agent/trace/otlp.hpp"

#include "common/base/error.hpp"

#include <catch2/catch_test_macros.hpp>

#include <set>
#include <string>

using namespace bootwright;
using namespace std::chrono_literals;

namespace {

/// A run of ten seconds on EC2, whose repository was asked for three of them.
RunReport report_of_ec2() {
    using Kind = RunReport::Step::Kind;
    RunReport report{.number = 42, .cause = RunCause::schedule};
    report.started = {std::chrono::sys_days(std::chrono::year(2026) / 3 / 3) + 12h, 1000s};
    report.finished = Instant{report.started.wall + 10s, 1010s};
    report.boot_id = "b007";
    report.stage = Stage::record;
    report.role = "web";
    report.instance = InstanceMetadata{.platform = "ec2", .instance_id = "i-1", .region = "us-west-2"};
    report.revision_resolved = "0123456789abcdef0123456789abcdef01234567";
    report.puppet.outcome = Outcome::changed;
    report.steps = {{Kind::stage, "repository", 1s, 4s},
                    {Kind::place, "https://git.example.com/a.git", 1500ms, 3s},
                    {Kind::stage, "puppet", 5s, 5s}};
    report.puppet.phases = {{"compile", 1.0, 1006.0}, {"apply", 3.0, 1007.0}};
    report.puppet.slowest = {{"Package[nginx]", 2.5, 1007.25}};
    return report;
}

Json spans_of(const RunReport& report) {
    return otlp_trace(report).at("resourceSpans").at(0).at("scopeSpans").at(0).at("spans");
}

const Json& span_named(const Json& spans, const std::string& name) {
    for (const Json& span : spans) {
        if (span.at("name") == name) {
            return span;
        }
    }
    FAIL("no span " << name);
    return spans;
}

Json attribute(const Json& attributes, const std::string& key) {
    for (const Json& each : attributes) {
        if (each.at("key") == key) {
            return each.at("value");
        }
    }
    return {};
}

}  // namespace

TEST_CASE("a run is a trace: each piece of its time is a span below the one that it is a part of") {
    const Json spans = spans_of(report_of_ec2());
    const Json& run = span_named(spans, "run");
    CHECK_FALSE(run.contains("parentSpanId"));
    const auto parent = [&](const std::string& name) { return span_named(spans, name).at("parentSpanId"); };
    CHECK(parent("stage repository") == run.at("spanId"));
    CHECK(parent("place https://git.example.com/a.git") == span_named(spans, "stage repository").at("spanId"));
    CHECK(parent("phase apply") == span_named(spans, "stage puppet").at("spanId"));
    CHECK(parent("phase load") == span_named(spans, "stage puppet").at("spanId"));
    CHECK(parent("resource Package[nginx]") == span_named(spans, "phase apply").at("spanId"));
    std::set<Json> ids;
    for (const Json& span : spans) {
        CHECK(span.at("traceId") == run.at("traceId"));
        ids.insert(span.at("spanId"));
    }
    CHECK(ids.size() == spans.size());
}

TEST_CASE("ids are hex digits, and times are strings of nanoseconds") {
    const Json spans = spans_of(report_of_ec2());
    const Json& place = span_named(spans, "place https://git.example.com/a.git");
    const std::string digits = "0123456789abcdef";
    CHECK(place.at("traceId").get<std::string>().size() == 32);
    CHECK(place.at("spanId").get<std::string>().size() == 16);
    CHECK(place.at("traceId").get<std::string>().find_first_not_of(digits) == std::string::npos);
    CHECK(place.at("startTimeUnixNano") == "1772539201500000000");  // 2026-03-03T12:00:01.5Z
    CHECK(place.at("endTimeUnixNano") == "1772539204500000000");
    CHECK(span_named(spans, "run").at("endTimeUnixNano") == "1772539210000000000");
}

TEST_CASE("the resource is the instance, in OpenTelemetry's words") {
    const Json trace = otlp_trace(report_of_ec2());
    const Json attributes = trace.at("resourceSpans").at(0).at("resource").at("attributes");
    CHECK(attribute(attributes, "service.name") == Json{{"stringValue", "bootwright"}});
    CHECK(attribute(attributes, "host.id") == Json{{"stringValue", "i-1"}});
    CHECK(attribute(attributes, "cloud.provider") == Json{{"stringValue", "aws"}});
    CHECK(attribute(attributes, "cloud.region") == Json{{"stringValue", "us-west-2"}});
    CHECK(attribute(attributes, "host.type").is_null());
    const Json run = span_named(spans_of(report_of_ec2()), "run").at("attributes");
    CHECK(attribute(run, "bootwright.run") == Json{{"intValue", "42"}});
    CHECK(attribute(run, "vcs.ref.head.revision").at("stringValue") == report_of_ec2().revision_resolved);
    CHECK(attribute(run, "error.type").is_null());
}

TEST_CASE("a run that was not good is an error, and so is the stage in which it ended") {
    RunReport report = report_of_ec2();
    report.stage = Stage::puppet;
    report.error = transient_error("puppet.resources_failed", "1 resource failed", "mend it");
    const Json spans = spans_of(report);
    CHECK(span_named(spans, "run").at("status") == Json{{"code", 2}, {"message", "1 resource failed"}});
    CHECK(span_named(spans, "stage puppet").at("status").at("code") == 2);
    CHECK(span_named(spans, "stage repository").at("status") == Json{{"code", 1}});
    CHECK(attribute(span_named(spans, "run").at("attributes"), "error.type").at("stringValue") ==
          "puppet.resources_failed");
}

TEST_CASE("a trace that is sent again is the same trace, and that of another run is another") {
    CHECK(otlp_trace(report_of_ec2()) == otlp_trace(report_of_ec2()));
    RunReport other = report_of_ec2();
    other.number = 43;
    CHECK(spans_of(other).at(0).at("traceId") != spans_of(report_of_ec2()).at(0).at("traceId"));
}

TEST_CASE("a run that got nowhere is a span all the same") {
    RunReport report{.number = 1};
    report.finished = Instant{};
    CHECK(spans_of(report).size() == 1);
}
