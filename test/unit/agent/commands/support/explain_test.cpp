
#include "common/documents/json.hpp"
#include "test/fakes/captured_output.hpp"
#include "test/fakes/platform_world.hpp"
#include "test/fakes/run_command.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;

namespace {

struct Explained {
    int status = 0;
    std::string text;
};

Explained explained(const System& system, bool json = false) {
    const CapturedOutput output;
    const int status =
        run_command(system, "explain",
                    json ? std::map<std::string, std::string>{{"--json", ""}} : std::map<std::string, std::string>{});
    return {status, output.text()};
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("each rule is told with what it read and saw, and each value of the role config with where it is from") {
    PlatformWorld world("ec2/root-nitro");
    world.fake.root.write(
        "/etc/bootwright/agent.json",
        R"({"role_config": {"facts": {"site": "x", "api_token": "hunter2", "db": {"password": "hunter2", "hosts": [{"secret": {"a": "hunter2"}}]}}}})");
    world.fake.http.answer("GET /latest/user-data", R"({"data": {"a::b": "hunter2"}, "repository": {
        "url": "https://user:hunter2@git.example.com/x", "revision": "0123456789abcdef0123456789abcdef01234567"}})");
    const auto [status, text] = explained(world.fake.system);
    CHECK(status == exit_ok);
    CHECK(has(text, "  yes  ec2           product_uuid starts with ec2: ec2c1b2a-"));
    CHECK(has(text, "   -   hetzner       sys_vendor is Hetzner: Amazon EC2  [/sys/class/dmi/id/sys_vendor]"));
    CHECK(has(text, "Platform: ec2, chosen by detection"));
    CHECK(has(text, "facts.site                  x                                         from "));
    CHECK(has(text, "role                        web                                       from tag bootwright:role"));
    CHECK(has(text, "data.a::b                   (not shown)                               from user-data"));
    CHECK(has(text, "https://git.example.com/x"));
    CHECK_FALSE(has(text, "hunter2"));
}

TEST_CASE("each key that not everybody may say is told with who may, and no other") {
    PlatformWorld world("ec2/root-nitro");
    world.fake.root.write(
        "/etc/bootwright/agent.json",
        R"({"role_config": {"role": "db", "facts": {"site": "x"}}, "fixed": ["role", "facts.site"]})");
    const std::string text = explained(world.fake.system).text;
    const std::string keys = text.substr(text.find("Who may say what"));
    CHECK(has(keys, "\n  role                          image\n"));
    CHECK(has(keys, "\n  facts.site                    image\n"));
    CHECK(has(keys, "\n  health.checks.command         image, proven, root\n"));
    CHECK_FALSE(has(keys, "puppet.noop"));
}

TEST_CASE("what fails is said, and all that came before it is still told") {
    PlatformWorld world("ec2/root-nitro");
    world.fake.http.answer("GET /latest/user-data", R"({"rol": "web"})");
    auto [status, text] = explained(world.fake.system);
    CHECK(status == exit_failed);
    CHECK(has(text, "Instance: i-1234567890abcdef0"));
    CHECK(has(text, "error: user-data:1: rol: unknown key (role.invalid)"));
    world.fake.http.answer_status("GET /latest/user-data", 500);
    CHECK(has(explained(world.fake.system).text, "Platform: ec2, chosen by detection"));
}

TEST_CASE("a machine that nobody recognises is told with what was asked, too") {
    FakeSystem fake;
    const auto [status, text] = explained(fake.system, true);
    CHECK(status == exit_failed);
    const Json result = Json::parse(text);
    CHECK(result.at("platform").is_null());
    CHECK(result.at("rules").size() > 20);
    CHECK(result.at("probes").size() > 5);
    CHECK(result.at("error").at("code") == "platform.not_recognised");
}
