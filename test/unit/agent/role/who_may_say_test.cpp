#include "agent/role/who_may_say.hpp"

#include "agent/config/guards.hpp"
#include "agent/role/keys/role_keys.hpp"
#include "agent/role/role_layers.hpp"
#include "common/base/error.hpp"
#include "test/fakes/errors.hpp"
#include "test/fakes/role_texts.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <algorithm>
#include <map>
#include <set>

using namespace bootwright;

namespace {

using Verify = AgentConfig::Repository::Verify;

constexpr const char* id = "0123456789abcdef0123456789abcdef01234567";

AgentConfig verifying(AgentConfig config = {}) {
    config.repository.verify = Verify::commit;
    return config;
}

AgentConfig fixing(const std::vector<std::string>& keys, const std::string& role_config) {
    AgentConfig config = image(role_config);
    config.fixed = keys;
    return config;
}

/// A role config that says the one key, and is complete; its parts are pretty-printed, so that lines count.
Json saying(const std::string& key) {
    static const std::map<std::string, Json> said{
        {"repository.url.file", {{"repository", {{"url", "file:///srv/x.git"}}}}},
        {"repository.mirrors", {{"repository", {{"mirrors", {"https://other/x"}}}}}},
        {"repository.mirrors.file", {{"repository", {{"mirrors", {"https://h/y", "file:///srv/x.git"}}}}}},
        {"configuration.url", {{"configuration", {{"url", "https://other/c"}}}}},
        {"configuration.url.file", {{"configuration", {{"url", "file:///srv/c.git"}}}}},
        {"configuration.mirrors", {{"configuration", {{"mirrors", {"https://other/c"}}}}}},
        {"configuration.mirrors.file", {{"configuration", {{"mirrors", {"file:///srv/c.git"}}}}}},
        {"configuration.revision", {{"configuration", {{"revision", std::string(40, 'c')}}}}},
        {"configuration.path", {{"configuration", {{"path", "other.json"}}}}},
        {"repositories",
         {{"repositories", {{{"name", "x"}, {"url", "https://other/x"}, {"revision", std::string(40, 'c')}}}}}},
        {"health.checks.command", {{"health", {{"checks", {{{"unit", "a.service"}}, {{"command", {"/bin/true"}}}}}}}}},
        {"announce.webhook.token_from",
         {{"announce", {{"webhook", {{"url", "https://h/"}, {"token_from", {{"file", "/srv/t"}}}}}}}}},
    };
    return said.at(key);
}

InstanceMetadata instance(const Json& user_data, bool is_roots = false) {
    return {.platform = "ec2",
            .instance_id = "i-1",
            .user_data = to_text(user_data),
            .user_data_origin = "user-data",
            .user_data_is_roots = is_roots};
}

/// An image that says all that a role config must, and nothing else.
const std::string complete = R"({"role": "web", "repository": {"url": "https://h/x", "revision": ")" + std::string(id) +
                             R"("}, "configuration": {"url": "https://h/c", "revision": ")" + id + R"("}})";

}  // namespace

TEST_CASE("under a demand each guarded key is taken from who may say it, and from nobody else, pair by pair") {
    struct Demand {
        const char* name;
        AgentConfig config;
        bool fixes_url;
    };
    const Demand demand =
        GENERATE(Demand{"none", image(complete), false}, Demand{"verify", verifying(image(complete)), false},
                 Demand{"fixed role", fixing({"role"}, complete), false},
                 Demand{"fixed pin", fixing({"repository.url", "repository.revision"}, complete), true});
    for (const RoleKey& key : role_keys()) {
        if (key.trust == KeyTrust::anywhere) {
            continue;
        }
        const std::string& name = key.name;
        const JsonDocument document = JsonDocument::parse(to_text(saying(name)), "the document", "role.invalid");
        const bool is_refused = has_demands(demand.config) && (key.trust == KeyTrust::guarded || demand.fixes_url);
        for (const Speaker speaker : {Speaker::anyone, Speaker::root, Speaker::proven, Speaker::image}) {
            CAPTURE(demand.name, name, to_string(speaker));
            const auto say = [&] { refuse_what_it_may_not_say(demand.config, document, speaker); };
            const bool is_fixed_url = demand.fixes_url && name == "repository.url.file";
            if (is_fixed_url && speaker != Speaker::image) {
                CHECK(error_of(say).code == "role.fixed");
            } else if (speaker == Speaker::anyone && is_refused) {
                const Error error = error_of(say);
                CHECK(error.code == "role.not_trusted");
                CHECK(error.kind == ErrorKind::permanent);
                CHECK(error.message.starts_with("the document:"));
                CHECK(error.advice.find("allow_from_anywhere") != std::string::npos);
            } else {
                CHECK_NOTHROW(say());
            }
        }
        AgentConfig allowing = demand.config;
        allowing.allow_from_anywhere = {name};
        if (!demand.fixes_url) {
            CHECK_NOTHROW(refuse_what_it_may_not_say(allowing, document, Speaker::anyone));
        }
    }
}

TEST_CASE("what is guarded is refused by its line, wherever in a list it stands") {
    const std::string text =
        "{\"health\": {\"checks\": [\n{\"unit\": \"a.service\"},\n{\"command\": [\"/bin/true\"]}]}}";
    const JsonDocument document = JsonDocument::parse(text, "user-data", "role.invalid");
    const Error error = error_of([&] { refuse_what_it_may_not_say(verifying(), document, Speaker::anyone); });
    CHECK(error.message ==
          "user-data:3: health.checks.1.command: may not be said by whoever writes this document, since the image "
          "asks for signatures (repository.verify)");
    const Error other =
        error_of([&] { refuse_what_it_may_not_say(fixing({"role"}, complete), document, Speaker::anyone); });
    CHECK(other.message.ends_with("since the image fixes role"));
}

TEST_CASE("a fixed key is changed by no layer above the image's, and may be repeated by each") {
    struct Row {
        const char* key;
        Json same;
        Json other;
    };
    const Row row = GENERATE(values<Row>({
        {"role", {{"role", "web"}}, {{"role", "db"}}},
        {"classes", {{"classes", {"a"}}}, {{"classes", {"a", "b"}}}},
        {"facts.site", {{"facts", {{"site", "x"}, {"rack", 7}}}}, {{"facts", {{"site", "y"}}}}},
        {"facts", {{"facts", {{"site", "x"}}}}, {{"facts", {{"rack", 7}}}}},
        {"data", {{"data", {{"a.b", 1}}}}, {{"data", {{"c", 1}}}}},
        {"data.a.b", {{"data", {{"a.b", 1}, {"c", 1}}}}, {{"data", {{"a.b", 2}}}}},
        {"repository.url", {{"repository", {{"url", "https://h/x"}}}}, {{"repository", {{"url", "https://h/X"}}}}},
        {"repository.environment", {{"puppet", {{"noop", false}}}}, {{"repository", {{"environment", "x"}}}}},
        {"puppet.noop", {{"puppet", {{"noop", true}}}}, {{"puppet", {{"noop", false}}}}},
        {"health.checks", {{"health", {{"checks", Json::array()}}}}, {{"health", {{"checks", {{{"unit", "a"}}}}}}}},
        {"announce.webhook",
         {{"announce", {{"webhook", {{"url", ""}}}}}},
         {{"announce", {{"webhook", Json::object()}}}}},
    }));
    const AgentConfig config = fixing({row.key}, R"({"role": "web", "classes": ["a"], "facts": {"site": "x"},
        "data": {"a.b": 1}, "repository": {"url": "https://h/x", "environment": ""}, "puppet": {"noop": true},
        "health": {"checks": []}, "announce": {"webhook": {"url": ""}}})");
    for (const Speaker speaker : {Speaker::anyone, Speaker::root, Speaker::proven}) {
        CAPTURE(row.key, to_string(speaker));
        const auto say = [&](const Json& json) {
            const JsonDocument document = JsonDocument::parse(to_text(json), "user-data", "role.invalid");
            refuse_what_it_may_not_say(config, document, speaker);
        };
        CHECK_NOTHROW(say(row.same));
        const Error error = error_of([&] { say(row.other); });
        CHECK(error.code == "role.fixed");
        CHECK(error.kind == ErrorKind::permanent);
        CHECK(error.message.find("user-data:") == 0);
        CHECK(error.message.find("the image has fixed " + std::string(row.key)) != std::string::npos);
    }
}

TEST_CASE("a file is proven where it is signed, or where only the image says its place and its revision") {
    const auto of = [](const AgentConfig& config) { return speaker_of_configuration(config); };
    CHECK(of(image(complete)) == Speaker::anyone);
    CHECK(of(verifying(image(complete))) == Speaker::proven);
    CHECK(of(fixing({"role"}, complete)) == Speaker::anyone);
    CHECK(of(fixing({"configuration.revision"}, complete)) == Speaker::anyone);
    CHECK(of(fixing({"configuration.url", "configuration.revision"}, complete)) == Speaker::proven);
    // The fixed URL of the first repository bars the second one from user-data.
    AgentConfig config = fixing({"repository.url", "repository.revision"}, complete);
    CHECK(of(config) == Speaker::proven);
    for (const char* key : {"configuration.url", "configuration.mirrors", "configuration.revision"}) {
        config.allow_from_anywhere = {key};
        CHECK(of(config) == Speaker::anyone);
    }
}

TEST_CASE("the layers of a role config have the trust of where they came from") {
    const Json command = saying("health.checks.command");
    const AgentConfig config = verifying(image(complete));
    CHECK(error_of([&] { return read_role_config(config, instance(command)); }).code == "role.not_trusted");
    CHECK(read_role_config(config, instance(command, true)).health.checks.size() == 2);
    CHECK(read_role_config(image(complete), instance(command)).health.checks.size() == 2);
    const JsonDocument file = JsonDocument::parse(to_text(command), "role.json of the repository", "role.invalid");
    const RoleConfig role = read_role_config(config, instance(Json::object()), file);
    CHECK(role.health.checks.size() == 2);
    CHECK(role.speakers.at("role.json of the repository") == Speaker::proven);
    CHECK(role.speakers.at("/etc/bootwright/agent.json") == Speaker::image);
    CHECK(role.speakers.at("user-data") == Speaker::anyone);
    CHECK(error_of([&] { return read_role_config(fixing({"role"}, complete), instance(Json::object()), file); }).code ==
          "role.not_trusted");
    const AgentConfig layers = verifying(image(R"({"health": {"checks": [{"command": ["/bin/true"]}]}, "role": "web",
        "repository": {"url": "https://h/x", "revision": "0123456789abcdef0123456789abcdef01234567"}})"));
    CHECK(read_role_config(layers, instance(Json::object())).health.checks.size() == 1);
}

TEST_CASE("a tag changes nothing that is fixed") {
    const AgentConfig config = fixing({"repository.url", "repository.revision"}, complete);
    InstanceMetadata tagged = instance(Json::object(), true);
    tagged.tags = {{"bootwright:repository", "https://evil/x"}};
    const Error error = error_of([&] { return read_role_config(config, tagged); });
    CHECK(error.code == "role.fixed");
    CHECK(error.message.find("tag bootwright:repository") == 0);
    tagged.tags = {{"bootwright:repository", "https://h/x"}};
    CHECK(read_role_config(config, tagged).repository.url == "https://h/x");
}

TEST_CASE("in a cloud-config, YAML, the line is named, too") {
    InstanceMetadata yaml = instance(Json::object());
    yaml.user_data = "#cloud-config\npackages: [x]\nbootwright:\n  health:\n    checks:\n    - command: [/bin/true]\n";
    const Error error = error_of([&] { return read_role_config(verifying(image(complete)), yaml); });
    CHECK(error.code == "role.not_trusted");
    CHECK(error.message.find("user-data:6: bootwright.health.checks.0.command") == 0);
}

TEST_CASE("the table knows each key that the reader knows") {
    std::map<std::string, std::set<std::string>> sections{{"", {"$schema"}}};  // which no row has
    for (const RoleKey& key : role_keys()) {
        const std::string& name = key.name;
        const std::size_t dot = name.find('.');
        const std::string section = name.substr(0, dot);
        sections[""].insert(section);
        if (dot != std::string::npos && !key.is_part()) {
            sections[section].insert(name.substr(dot + 1));
        }
    }
    for (const auto& [section, keys] : sections) {
        Json document = Json::parse(complete);
        (section.empty() ? document : document[section])["qqqqqqqqqqqqqqqq"] = 1;
        const std::string advice = error_of([&] { return read_role_config({}, instance(document)); }).advice;
        CAPTURE(section, advice);
        const std::string start = "known here: ";
        REQUIRE(advice.starts_with(start));
        std::set<std::string> known;
        for (std::size_t at = start.size(); at < advice.size();) {
            const std::size_t end = std::min(advice.find(", ", at), advice.size());
            known.insert(advice.substr(at, end - at));
            at = end + 2;
        }
        CHECK(known == keys);
    }
}
