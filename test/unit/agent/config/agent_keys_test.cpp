#include "agent/config/agent_keys.hpp"

#include "agent/config/schema.hpp"
#include "test/fakes/fake_system.hpp"
#include "test/fakes/fixtures.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;
using namespace std::chrono_literals;

namespace {

std::string default_of(const AgentKey& key) {
    return key.otherwise.empty() ? "`" + to_line(key.value(AgentConfig())) + "`" : std::string(key.otherwise);
}

AgentConfig read(const Json& agent_json) {
    FakeSystem fake;
    fake.root.write("/etc/bootwright/agent.json", to_text(agent_json));
    return read_agent_config(fake.system);
}

}  // namespace

TEST_CASE("docs/configuration.md shows each key of agent.json, its default and its meaning") {
    std::string table = "| key | default | meaning |\n|-|-|-|\n";
    for (const AgentKey& key : agent_keys()) {
        table += "| `" + key.name + "` | " + default_of(key) + " | " + std::string(key.meaning) + " |\n";
    }
    INFO("the table as it has to be:\n" << table);
    CHECK(fixture("../../docs/configuration.md").find(table + "\n") != std::string::npos);
}

TEST_CASE("each default can be written, and is then read as what it was") {
    Json agent_json = Json::object();
    for (const AgentKey& key : agent_keys()) {
        if (key.value) {
            agent_json[pointer_to(key.name)] = key.value(AgentConfig());
        }
    }
    const AgentConfig written_out = read(agent_json);
    for (const AgentKey& key : agent_keys()) {
        CAPTURE(key.name);
        if (key.value) {
            CHECK(key.value(written_out) == key.value(AgentConfig()));
        }
    }
}

TEST_CASE("each key is read to where it is shown from, and from nowhere else") {
    const AgentConfig defaults;
    for (const AgentKey& key : agent_keys()) {
        if (!key.value || key.name == "repository.credentials") {  // whose values are not shown
            continue;
        }
        CAPTURE(key.name);
        const Json before = key.value(defaults);
        const Json schema = Json::parse(key.schema);
        const bool is_duration = schema.value("pattern", "").find("ms|s") != std::string::npos;
        const Json other = schema.contains("enum")                        ? schema.at("enum").at(1)
                           : before.is_boolean()                          ? Json(!before.get<bool>())
                           : before.is_number()                           ? Json(before.get<int>() + 1)
                           : key.name == "puppet.modulepath"              ? Json{"/other"}
                           : key.name == "modules.mirrors"                ? Json{"https://mirror.example.com/releases"}
                           : before.is_array()                            ? Json{"git.example.com"}
                           : before.is_object()                           ? Json{{"file", "/other"}}
                           : is_duration                                  ? Json("7m")
                           : key.name.ends_with("not_before")             ? Json(std::string(40, 'a'))
                           : key.name.find("memory") != std::string::npos ? Json("50%")
                           : key.name.ends_with("endpoint") || key.name.ends_with(".proxy")
                               ? Json("https://other.example.com:1")
                           : schema.value("pattern", "").find('/') != std::string::npos ? Json("/other")
                                                                                        : Json("other");
        Json agent_json = Json::object();
        agent_json[pointer_to(key.name)] = other;
        const AgentConfig config = read(agent_json);
        CHECK(key.value(config) == other);
        for (const AgentKey& another : agent_keys()) {
            if (another.value && another.name != key.name) {
                CAPTURE(another.name);
                CHECK(another.value(config) == another.value(defaults));
            }
        }
    }
}

TEST_CASE("the schema has each key in its place, says what it means in plain words, and takes no other") {
    const Json schema = agent_schema();
    for (const AgentKey& key : agent_keys()) {
        CAPTURE(key.name);
        const Json* object = &schema;
        std::string rest = key.name;
        for (std::size_t dot = rest.find('.'); dot != std::string::npos; dot = rest.find('.')) {
            CHECK(object->at("additionalProperties") == false);
            object = &object->at("properties").at(rest.substr(0, dot));
            rest.erase(0, dot + 1);
        }
        CHECK(object->at("additionalProperties") == false);
        const Json& entry = object->at("properties").at(rest);
        CHECK(entry.at("description").get<std::string>().find("](") == std::string::npos);
        CHECK((entry.contains("type") || entry.contains("enum")));
        CHECK(entry.contains("default") == (key.value && key.otherwise.empty()));
    }
    CHECK(schema.at("properties").at("puppet").at("properties").at("warm").at("description") ==
          "Puppet is loaded ahead, while metadata and repository are on their way");
    CHECK(schema.at("properties").at("repository").at("properties").at("timeout").at("default") == "15m");
}
