#include "agent/role/keys/health_config.hpp"

#include "agent/role/keys/role_config.hpp"
#include "agent/role/shown_role.hpp"
#include "common/base/error.hpp"
#include "test/fakes/errors.hpp"
#include "test/fakes/role_texts.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

using namespace bootwright;
using namespace std::chrono_literals;

namespace {

RoleConfig read(const std::string& health, const AgentConfig& config = {}) {
    return read_with("health", health, config);
}

}  // namespace

TEST_CASE("every kind of check is read, and has a name") {
    const RoleConfig role = read(R"({"timeout": "30s", "checks": [
        {"unit": "getty@tty1.service"}, {"tcp": "[::1]:80"}, {"http": "http://127.0.0.1:8080/healthz?x=1", "status": 404},
        {"command": ["/usr/bin/test", "-e", "/x y"], "name": "the file"}]})");
    CHECK(role.health.timeout == 30s);
    const auto& checks = role.health.checks;
    REQUIRE(checks.size() == 4);
    CHECK(checks[0].name == "unit getty@tty1.service");
    CHECK(checks[1].name == "tcp [::1]:80");
    CHECK(checks[2].url == Url("http://127.0.0.1:8080/healthz?x=1"));
    CHECK(checks[3].name == "the file");
    CHECK(role.origins.at("health.checks") == "user-data");
    CHECK(to_json(role).at("config").at("health") ==
          Json{{"timeout", "30s"},
               {"checks",
                {"unit getty@tty1.service", "tcp [::1]:80", "http http://127.0.0.1:8080/healthz?…", "the file"}}});
}

TEST_CASE("without it there are no checks; a layer's list stands for that of the layer below") {
    CHECK(read("{}").health.checks.empty());
    CHECK(read("{}").health.timeout == 2min);
    const AgentConfig config = image(R"({"health": {"timeout": "5m", "checks": [{"unit": "a.service"}]}})");
    CHECK(read("{}", config).health.checks.size() == 1);
    CHECK(read(R"({"timeout": "10s"})", config).health.checks.size() == 1);
    CHECK(read(R"({"checks": []})", config).health.checks.empty());
    CHECK(read(R"({"checks": []})", config).health.timeout == 5min);
}

TEST_CASE("a wrong check names its line and its key, and what would be right") {
    struct Row {
        const char* check;
        const char* key;
        const char* advice;
    };
    const Row row = GENERATE(values<Row>({
        {R"({"unit": "a.service", "tcp": "h:1"})", "unit", "command, http, tcp, unit"},
        {R"({"unt": "a.service"})", "unt", "unit"},
        {R"({"unit": 1})", "unit", "string"},
        {R"({"unit": "--all"})", "unit", "nginx.service"},
        {R"({"unit": "a*"})", "unit", "nginx.service"},
        {R"({"unit": "a b"})", "unit", "nginx.service"},
        {R"({"tcp": "localhost"})", "tcp", "127.0.0.1:80"},
        {R"({"tcp": "localhost:99999"})", "tcp", "127.0.0.1:80"},
        {R"({"http": "https://localhost/"})", "http", "curl"},
        {R"({"http": "localhost/"})", "http", "http://127.0.0.1/healthz"},
        {R"({"http": "http:///x"})", "http", "http://127.0.0.1/healthz"},
        {R"({"http": "http://user:hunter2@h/"})", "http", "command"},
        {R"({"http": "http://h/", "status": 99})", "status", "100"},
        {R"({"tcp": "h:1", "status": 200})", "status", "remove"},
        {R"({"command": "/bin/true"})", "command", "list"},
        {R"({"command": []})", "command", "no shell"},
        {R"({"command": ["true"]})", "command", "no shell"},
        {R"({"command": ["/bin/x", "a\u0000b"]})", "command", "no shell"},
        {R"({"unit": "a", "name": ""})", "name", "the shop"},
        {R"({"unit": "a", "name": "a\nb"})", "name", "the shop"},
    }));
    CAPTURE(row.check);
    const Error error =
        error_of([&] { return read("{\"checks\": [{\"unit\": \"ok\"},\n" + std::string(row.check) + "]}"); });
    CHECK(error.code == "role.invalid");
    CHECK(error.message.find("user-data:3: health.checks.1") != std::string::npos);
    CHECK(error.message.find(row.key) != std::string::npos);
    CHECK(error.advice.find(row.advice) != std::string::npos);
    CHECK(error.message.find("hunter2") == std::string::npos);
}

TEST_CASE("a wrong list, and a wrong time, are refused") {
    CHECK(error_of([&] { return read(R"({"timeout": "0s"})"); }).message.find("health.timeout") != std::string::npos);
    for (const char* nothing : {R"({})", R"({"name": "x"})"}) {
        const Error error = error_of([&] { return read("{\"checks\": [" + std::string(nothing) + "]}"); });
        CHECK(error.message.find("user-data:2: health.checks: a list entry asks for nothing") != std::string::npos);
        CHECK(error.advice == "write one of command, http, tcp, unit");
    }
    CHECK(error_of([&] { return read(R"({"checks": [1]})"); }).code == "role.invalid");
    CHECK(error_of([&] { return read(R"([])"); }).code == "role.invalid");
    std::string many = "[";
    for (int i = 0; i < 51; ++i) {
        many += std::string(i == 0 ? "" : ",") + R"({"unit": "a"})";
    }
    CHECK(error_of([&] { return read("{\"checks\": " + many + "]}"); }).advice == "leave some out");
}
