#include "agent/role/shown_role.hpp"

#include "agent/role/role_layers.hpp"
#include "test/fakes/role_layers_texts.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;
using namespace bootwright::role_layers_tests;

TEST_CASE("the record shows no credentials of mirrors and of the second repository") {
    const Json json = to_json(read(R"({"role": "web",
        "repository": {"url": "https://h/x", "revision": "0123456789abcdef0123456789abcdef01234567",
                       "mirrors": ["https://user:hunter2@h/x.git"], "environment": "production"},
        "configuration": {"url": "https://user:hunter2@h/c.git", "mirrors": ["https://user:hunter2@h/m"], "path": "a.json",
                          "revision": "0123456789abcdef0123456789abcdef01234567"}})"));
    const Json& config = json.at("config");
    CHECK(config.at("repository").at("mirrors") == Json{"https://h/x.git"});
    CHECK(config.at("repository").at("environment") == "production");
    CHECK(config.at("configuration") ==
          Json{{"url", "https://h/c.git"}, {"mirrors", {"https://h/m"}}, {"revision", pin}, {"path", "a.json"}});
    CHECK(to_text(json).find("hunter2") == std::string::npos);
    CHECK_FALSE(to_json(read(complete())).at("config").contains("configuration"));
}

TEST_CASE("the record of a role config shows values and origins, but no credentials") {
    const Json json = to_json(read(R"({"role": "web", "facts": {"a": 1}, "data": {"k": "v"}, "repository":
        {"url": "https://user:hunter2@h/x.git", "revision": "0123456789abcdef0123456789abcdef01234567"}})"));
    CHECK(json.at("config").at("repository").at("url") == "https://h/x.git");
    CHECK(json.at("config").at("repository").at("revision") == pin);
    CHECK(json.at("config").at("data").at("k") == "v");
    CHECK(json.at("origins").at("facts.a") == "user-data");
    CHECK(to_text(json).find("hunter2") == std::string::npos);
}

TEST_CASE("what of a role config must not be shown is known to whoever shows what others say") {
    RoleConfig role;
    role.data = {{"a", "value-of-data"}, {"b", {{"c", 7305129846}}}};
    role.repository = {
        .url = "https://reader:pass%2Fword@git.example.com/x.git",
        .mirrors = {"https://m.example.com/x.git?sig=signature-of-mirror", "ssh://deploy@git.example.com/x"}};
    role.configuration.url = "https://other:password-of-configuration@git.example.com/y.git";
    role.announce.receivers["webhook"].url = "https://hooks.example.com/services/T0000?key=key-of-the-hook";
    role.announce.receivers["wait_condition"].url = "https://wait.example.com/x?Signature=signature-of-wait";
    role.health.checks = {{.url = "http://127.0.0.1/?token=token-of-a-check"}};
    const Redactor redactor = secrets_of(role);
    for (const char* secret :
         {"value-of-data", "7305129846", "pass/word", "signature-of-mirror", "password-of-configuration",
          "hooks.example.com/services/T0000", "key-of-the-hook", "signature-of-wait", "token-of-a-check"}) {
        CAPTURE(secret);
        CHECK(redactor.cleaned("it says " + std::string(secret) + " here") == "it says [redacted] here");
    }
    CHECK(redactor.cleaned("deploy of git.example.com/x to /services/T0000") ==
          "deploy of git.example.com/x to /services/T0000");
}
