#include "test/fakes/examined.hpp"
#include "test/fakes/fake_machine.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

using namespace bootwright;
using namespace std::chrono_literals;

namespace {

struct World {
    FakeMachine machine{};

    [[nodiscard]] std::chrono::sys_seconds in(std::chrono::seconds time) const {
        return std::chrono::floor<std::chrono::seconds>(machine.system.clock.now().wall) + time;
    }

    /// The repository's server shows a certificate of `life`, which ends in `left`.
    Finding server_with(std::chrono::seconds life, std::chrono::seconds left) {
        const auto number = [](std::chrono::sys_seconds time) { return time.time_since_epoch().count(); };
        const Json certificate{{"begins", number(in(left)-life)}, {"ends", number(in(left))}};
        return only(
            {.lines = {to_line(
                 {{"answer",
                   {{"status", 404}, {"headers", Json::object()}, {"body", ""}, {"certificate", certificate}}}})}});
    }

    Finding only(const FakeProcesses::Script& script) {
        machine.processes.answer("bootwright-download", script);
        const auto findings = examined(machine.system, "certificates");
        REQUIRE(findings.size() == 1);
        CHECK(all_have_advice(findings));
        return findings.front();
    }

    /// The image names a file with this text, and openssl says these dates of each certificate.
    Finding file_with(const std::string& text, const std::vector<std::string>& dates) {
        machine.root.write("/etc/bootwright/agent.json", R"({"repository": {"ca_file": "/etc/ca.pem"}})");
        machine.root.write("/etc/ca.pem", text);
        machine.processes.answer("x509", {.lines = dates});
        return examined(machine.system, "certificates").front();
    }
};

constexpr const char* pem = "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n";

}  // namespace

TEST_CASE("a certificate of a server is bad in the last two weeks of its time, if those are in its last third") {
    struct Row {
        std::chrono::days life;
        std::chrono::hours left;
        Finding::State state;
        const char* said;
    };
    using State = Finding::State;
    const Row row = GENERATE(values<Row>({
        {std::chrono::days(90), 24h * 40, State::good, " ends in 40 days, at "},
        {std::chrono::days(90), 24h * 14, State::good, " ends in 14 days, at "},
        {std::chrono::days(90), 24h * 14 - 1h, State::bad, " ends in 13 days, at "},
        {std::chrono::days(90), 1h, State::bad, " ends in 0 days, at "},
        {std::chrono::days(90), -1h, State::bad, " has ended by this machine's clock, at "},
        {std::chrono::days(6), 24h * 3, State::good, " ends in 3 days, at "},
        {std::chrono::days(6), 24h, State::bad, " ends in 1 day, at "},
    }));
    World world;
    const Finding finding = world.server_with(row.life, row.left);
    CHECK(finding.state == row.state);
    CHECK(finding.what.starts_with("the certificate of https://git.example.com" + std::string(row.said)));
}

TEST_CASE("a certificate that is not seen is not known") {
    World world;
    CHECK(world.only({.lines = {R"({"answer": {"status": 200, "headers": {}, "body": ""}})"}}).state ==
          Finding::State::not_known);
    CHECK(world.only({.result = {.end = ProcessResult::End::timed_out}}).state == Finding::State::not_known);
}

TEST_CASE("a file of the image is judged by the certificate that ends last") {
    World world;
    const std::vector<std::string> past{"notBefore=Jan  1 00:00:00 2019 GMT", "notAfter=Jan 31 00:00:00 2020 GMT"};
    CHECK(world.file_with(pem, past).what ==
          "repository.ca_file (/etc/ca.pem) has ended by this machine's clock, at 2020-01-31T00:00:00.000Z");
    CHECK(world.file_with(pem, {"notBefore=Jan  1 00:00:00 2019 GMT", "notAfter=Jan 31 00:00:00 2199 GMT"}).state ==
          Finding::State::good);
    CHECK(world.file_with("no certificate", past).what.ends_with("holds no certificate"));
    CHECK(world.file_with(pem, {"unable to load certificate"}).what.ends_with("holds what openssl does not read"));
    std::string many;
    for (int i = 0; i < 21; ++i) {
        many += pem;
    }
    CHECK(world.file_with(many, past).what.ends_with("holds 21 certificates, which are not looked at one by one"));
}
