#include "agent/trace/trace.hpp"

#include "common/base/encoding.hpp"
#include "common/base/error.hpp"
#include "common/documents/json.hpp"
#include "test/fakes/captured_errors.hpp"
#include "test/fakes/fake_system.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

using namespace bootwright;

namespace {

constexpr const char* program = "bootwright-download";

/// The program that speaks to servers, which was answered so.
FakeProcesses::Script answered(int status) {
    return {.lines = {R"({"received": 0})",
                      to_line({{"answer", {{"status", status}, {"headers", Json::object()}, {"body", ""}}}})}};
}

struct World {
    explicit World(const std::string& variable = "OTEL_EXPORTER_OTLP_ENDPOINT",
                   const std::string& value = "http://collector.example.com:4318") {
        fake.system.environment[variable] = value;
        report.finished = Instant{};
    }
    void send() { send_trace(fake.system, report, stop.get_token()); }

    CapturedErrors log{};
    FakeSystem fake{};
    RunReport report{.number = 42};
    std::stop_source stop{};
};

}  // namespace

TEST_CASE("a trace goes to the collector that the environment names") {
    const auto [variable, value] = GENERATE(table<const char*, const char*>(
        {{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector.example.com:4318"},
         {"OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector.example.com:4318/"},
         {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://collector.example.com:4318/v1/traces"}}));
    World world(variable, value);
    world.fake.processes.answer(program, answered(200));
    world.send();
    const auto started = world.fake.processes.started(program);
    REQUIRE(started.size() == 1);
    const Json web = Json::parse(started.at(0).input).at("web");
    CHECK(web.at("url") == "http://collector.example.com:4318/v1/traces");
    CHECK(web.at("method") == "POST");
    CHECK(decode_base64(web.at("body").get<std::string>())
              .value_or(web.at("body").get<std::string>())
              .find("resourceSpans") != std::string::npos);
    CHECK(world.log.text().empty());
}

TEST_CASE("no collector, no trace") {
    World world("OTEL_EXPORTER_OTLP_ENDPOINT", "");
    world.send();
    CHECK(world.fake.processes.requests.empty());
    CHECK(world.log.text().empty());
}

TEST_CASE("what is no URL of a collector is told, and not quoted") {
    World world("OTEL_EXPORTER_OTLP_ENDPOINT", GENERATE("collector:4318", "ftp://collector/hunter2",
                                                        "http://a b/hunter2", "http://me:hunter2@collector:4318"));
    world.send();
    CHECK(world.fake.processes.requests.empty());
    CHECK(
        world.log.text() ==
        "bootwright: the trace of run 42 was not taken: OTEL_EXPORTER_OTLP_ENDPOINT is no URL of a collector, or has a "
        "password for http (config.invalid)\n");
}

TEST_CASE("a collector that takes no trace is one line, and is asked again only if that may help") {
    const auto [status, tries, code] = GENERATE(table<int, std::size_t, std::string>(
        {{503, 2, "trace.unavailable"}, {400, 1, "trace.refused"}, {302, 1, "trace.refused"}}));
    World world;
    world.fake.processes.answer(program, answered(status));
    world.send();
    CHECK(world.fake.processes.started(program).size() == tries);
    CHECK(world.log.text() ==
          "bootwright: the trace of run 42 was not taken: HTTP status " + std::to_string(status) + " (" + code + ")\n");
}

TEST_CASE("an agent that is told to stop sends nothing more") {
    World world;
    world.fake.processes.answer(program, {.cannot_start = stopped_error()});
    world.stop.request_stop();
    world.send();
    CHECK(world.fake.processes.started(program).size() == 1);
}
