#include "agent/config/guards.hpp"

#include "test/fakes/errors.hpp"
#include "test/fakes/fake_system.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <set>

using namespace bootwright;

namespace {

constexpr const char* id = "0123456789abcdef0123456789abcdef01234567";

AgentConfig config_of(const Json& agent_json) {
    const FakeSystem fake;
    fake.root.write("/etc/bootwright/agent.json", to_text(agent_json));
    return read_agent_config(fake.system);
}

Json pinned(const std::string& section, const std::string& revision = id) {
    return {{section, {{"url", "https://h/x"}, {"revision", revision}}}};
}

Error error_for(const Json& fixed, const Json& role_config, const Json& more = Json::object()) {
    Json agent_json = more;
    agent_json["fixed"] = fixed;
    agent_json["role_config"] = role_config;
    return error_of([&] { return config_of(agent_json); });
}

}  // namespace

TEST_CASE("without a demand nothing is guarded; with one, what the table says, less what the image allows") {
    CHECK_FALSE(has_demands({}));
    CHECK_FALSE(is_guarded({}, "health.checks.command"));
    for (const Json& demand : {Json{{"repository", {{"verify", "commit"}}}},
                               Json{{"fixed", {"role"}}, {"role_config", {{"role", "web"}}}}}) {
        Json agent_json = demand;
        CHECK(has_demands(config_of(agent_json)));
        CHECK(is_guarded(config_of(agent_json), "health.checks.command"));
        CHECK(is_guarded(config_of(agent_json), "announce.webhook.token_from"));
        CHECK(is_guarded(config_of(agent_json), "repository.url.file"));
        CHECK_FALSE(is_guarded(config_of(agent_json), "repository.url"));
        CHECK_FALSE(is_guarded(config_of(agent_json), "repository.mirrors"));
        CHECK_FALSE(is_guarded(config_of(agent_json), "configuration.url"));
        CHECK_FALSE(is_guarded(config_of(agent_json), "data.x"));
        agent_json["allow_from_anywhere"] = {"health.checks.command"};
        CHECK_FALSE(is_guarded(config_of(agent_json), "health.checks.command"));
        CHECK(is_guarded(config_of(agent_json), "announce.webhook.token_from"));
    }
}

TEST_CASE("a fixed URL guards what would lead past it") {
    Json agent_json{{"fixed", {"repository.url", "repository.revision"}}, {"role_config", pinned("repository")}};
    for (const char* name : {"repository.mirrors", "configuration.url", "configuration.mirrors",
                             "configuration.revision", "configuration.path"}) {
        CHECK(is_guarded(config_of(agent_json), name));
    }
    agent_json["allow_from_anywhere"] = {"repository.mirrors"};
    CHECK_FALSE(is_guarded(config_of(agent_json), "repository.mirrors"));
    agent_json = {{"fixed", {"configuration.url", "configuration.revision"}}, {"role_config", pinned("configuration")}};
    CHECK(is_guarded(config_of(agent_json), "configuration.mirrors"));
    CHECK_FALSE(is_guarded(config_of(agent_json), "repository.mirrors"));
}

TEST_CASE("what the image says is what its last layer says") {
    const FakeSystem fake;
    fake.root.write("/etc/bootwright/agent.json", R"({"fixed": ["facts.a", "data", "role"],
        "role_config": {"role": "base", "facts": {"a": 1, "b": 2}, "data": {"x.y": 1}}})");
    fake.root.write("/etc/bootwright/agent.d/50.json", R"({"role_config": {"facts": {"a": 3}}})");
    const AgentConfig config = read_agent_config(fake.system);
    CHECK(*image_value(config, "facts.a") == 3);
    CHECK(*image_value(config, "facts.b") == 2);
    CHECK(*image_value(config, "data.x.y") == 1);
    CHECK(*image_value(config, "role") == "base");
    CHECK(image_value(config, "data.z") == nullptr);
    CHECK(image_value(config, "classes") == nullptr);
    CHECK(is_fixed(config, "facts.a"));
    CHECK_FALSE(is_fixed(config, "facts.b"));
    CHECK(is_fixed(config, "data.z"));
}

TEST_CASE("a list of keys that says what cannot be is refused by its line") {
    struct Row {
        Json agent_json;
        const char* message;
        const char* advice;
    };
    const Row row = GENERATE(values<Row>({
        {{{"fixed", {"role", "repository.ulr"}}},
         "fixed.1: \"repository.ulr\" is no key of the role config",
         "did you mean \"repository.url\"?"},
        {{{"fixed", {"repository"}}}, "fixed.0: \"repository\" is no key", ""},
        {{{"fixed", {"health.checks.command"}}}, "fixed.0: only the whole value can be fixed", "health.checks"},
        {{{"fixed", "role"}}, "fixed: expected a list of strings", ""},
        {{{"allow_from_anywhere", {"role"}}}, "allow_from_anywhere.0: it may come from anywhere already", ""},
        {{{"allow_from_anywhere", {"health.check.command"}}},
         "allow_from_anywhere.0: \"health.check.command\" is no key of the role config",
         "health.checks.command"},
    }));
    const Error error = error_of([&] { return config_of(row.agent_json); });
    CHECK(error.code == "config.invalid");
    CHECK(error.message.find("/etc/bootwright/agent.json:") != std::string::npos);
    CHECK(error.message.find(row.message) != std::string::npos);
    CHECK(error.advice.find(row.advice) != std::string::npos);
}

TEST_CASE("what is fixed is set by the image") {
    const Error error = error_for({"role", "facts.site"}, {{"role", "web"}});
    CHECK(error.code == "config.invalid");
    CHECK(error.message.find("fixed.1: \"facts.site\" is fixed, but the image does not set it") != std::string::npos);
}

TEST_CASE("a URL without a bound revision, and a name without a bound place, bind nothing") {
    for (const std::string section : {"repository", "configuration"}) {
        const Json url{section + ".url"};
        const Error error = error_for(url, pinned(section));
        CHECK(error.code == "config.invalid");
        CHECK(error.message.find("\"" + section +
                                 ".url\" alone binds nothing: a host may serve the commits of a "
                                 "stranger's fork") != std::string::npos);
        CHECK(error.advice.find("\"" + section + ".revision\"") != std::string::npos);
        CHECK_NOTHROW(
            config_of({{"repository", {{"verify", "tag"}}}, {"fixed", url}, {"role_config", pinned(section)}}));
        CHECK_NOTHROW(config_of(
            {{"fixed", {section + ".url", section + ".revision"}}, {"role_config", pinned(section, "main")}}));
        CHECK_NOTHROW(config_of({{"fixed", {section + ".revision"}}, {"role_config", pinned(section)}}));
        CHECK(error_for({section + ".revision"}, pinned(section, "main"))
                  .message.find("\"" + section + ".revision\" alone binds nothing") != std::string::npos);
        CHECK(error_for({section + ".url", section + ".revision"}, pinned(section, "main"),
                        {{"allow_from_anywhere", {section + ".mirrors"}}})
                  .code == "config.invalid");
    }
}
