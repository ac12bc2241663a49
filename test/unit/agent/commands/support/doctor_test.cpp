#include "test/fakes/captured_output.hpp"
#include "test/fakes/fake_machine.hpp"
#include "test/fakes/run_command.hpp"

#include "common/documents/json.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;

namespace {

struct Examined {
    int status;
    std::string printed;
};

Examined examined_by_doctor(const FakeSystem& fake, const std::map<std::string, std::string>& given = {}) {
    const CapturedOutput output;
    const int status = run_command(fake.system, "doctor", given);
    return {status, output.text()};
}

}  // namespace

TEST_CASE("the doctor goes on after what is broken, and ends with 1") {
    const FakeSystem fake;  // no platform, no Puppet, no network
    const auto [status, printed] = examined_by_doctor(fake);
    CHECK(status == exit_failed);
    for (const char* line : {"good       clock ", "bad        instance ", "bad        puppet ", "not known  places ",
                             "not known  unit ", "good       repository ", "(puppet.not_installed)"}) {
        CAPTURE(line);
        CHECK(printed.find(line) != std::string::npos);
    }
    CHECK(printed.find("  do:        install the package puppet-agent") != std::string::npos);
}

TEST_CASE("the doctor's document counts what it lists") {
    const FakeSystem fake;
    const auto [status, printed] = examined_by_doctor(fake, {{"--json", ""}});
    const Json document = Json::parse(printed);
    std::map<std::string, int> counts;
    for (const Json& finding : document.at("findings")) {
        ++counts[finding.at("state")];
        if (finding.at("state") == Json("bad")) {
            CHECK(finding.at("do").is_string());
        }
    }
    CHECK(document.at("good") == Json(counts["good"]));
    CHECK(document.at("bad") == Json(counts["bad"]));
    CHECK(document.at("not_known") == Json(counts["not_known"]));
    CHECK(counts["bad"] > 0);
}
