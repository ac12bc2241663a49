#include "agent/role/role_layers.hpp"

#include "common/base/error.hpp"
#include "test/fakes/errors.hpp"
#include "test/fakes/role_layers_texts.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

using namespace bootwright;
using namespace bootwright::role_layers_tests;
using namespace std::chrono_literals;

TEST_CASE("every key of the role config is read") {
    const RoleConfig role = read(R"({
        "role": "web",
        "classes": ["role::web", "profile::base"],
        "facts": {"datacenter": "eu-west-1", "rack": 7, "tags": ["a"], "more": {"x": null}},
        "data": {"profile::web::port": 8080, "lookup_options": {}},
        "repository": {"url": "ssh://git@git.example.com:2222/puppet.git", "revision": "0123456789abcdef0123456789abcdef01234567"},
        "puppet": {"noop": true, "timeout": "30m"},
        "schedule": {"interval": "30m", "splay": "5m"}
    })");
    CHECK(role.role == "web");
    CHECK(role.classes == std::vector<std::string>{"role::web", "profile::base"});
    CHECK(role.facts.at("rack") == 7);
    CHECK(role.facts.at("more").at("x").is_null());
    CHECK(role.data.at("profile::web::port") == 8080);
    CHECK(role.repository.url == "ssh://git@git.example.com:2222/puppet.git");
    CHECK(role.repository.revision == pin);
    CHECK(role.puppet.noop);
    CHECK(role.puppet.timeout == 30min);
    CHECK(role.schedule.interval == 30min);
    CHECK(role.schedule.splay == 5min);
    CHECK(role.origins.at("facts.rack") == "user-data");
    CHECK(role.origins.at("data.profile::web::port") == "user-data");
    CHECK(role.origins.at("puppet.timeout") == "user-data");
    CHECK(role.origins.size() == 14);
}

TEST_CASE("layers are laid over each other, and each value remembers where it came from") {
    AgentConfig config = with_layer(R"({"role": "base", "classes": ["a", "b"], "facts": {"one": 1, "two": 2},
        "data": {"deep": {"x": 1, "y": 2}}, "repository": {"url": "https://h/image", "revision": ")" +
                                    std::string(pin) + R"("},
        "puppet": {"noop": true, "timeout": "1h"}, "schedule": {"interval": "1h"}})");
    config =
        with_layer(R"({"facts": {"two": 22}, "puppet": {"noop": false}})", config, "/etc/bootwright/agent.d/50.json");
    const RoleConfig role = read(R"({"role": "web", "classes": ["c"], "facts": {"three": 3}, "data": {"deep": {"z": 3}},
        "repository": {"url": "https://h/instance"}})",
                                 config);
    CHECK(role.role == "web");
    CHECK(role.classes == std::vector<std::string>{"c"});              // lists as a whole
    CHECK(role.facts == Json{{"one", 1}, {"two", 22}, {"three", 3}});  // facts key by key
    CHECK(role.data == Json{{"deep", {{"z", 3}}}});                    // data by top-level key, as Hiera looks it up
    CHECK(role.repository.url == "https://h/instance");
    CHECK(role.repository.revision == pin);
    CHECK_FALSE(role.schedule.splay);
    CHECK_FALSE(role.puppet.noop);
    CHECK(role.puppet.timeout == 1h);
    CHECK(role.origins.at("role") == "user-data");
    CHECK(role.origins.at("facts.one") == "/etc/bootwright/agent.json");
    CHECK(role.origins.at("facts.two") == "/etc/bootwright/agent.d/50.json");
    CHECK(role.origins.at("facts.three") == "user-data");
    CHECK(role.origins.at("repository.revision") == "/etc/bootwright/agent.json");
    CHECK(role.origins.at("repository.url") == "user-data");
    CHECK(role.origins.at("puppet.noop") == "/etc/bootwright/agent.d/50.json");
}

TEST_CASE("the image alone may say everything") {
    const AgentConfig config = with_layer(complete());
    for (const std::optional<std::string>& user_data :
         {std::optional<std::string>(), std::optional<std::string>("\n"), std::optional<std::string>("{}")}) {
        CHECK(read_role_config(config, instance(user_data)).role == "web");
    }
}

TEST_CASE("classes may stand for a role") {
    const RoleConfig role =
        read(R"({"classes": ["a"], "repository": {"url": "https://h/x", "revision": ")" + std::string(pin) + "\"}}");
    CHECK(role.role.empty());
    CHECK(role.classes == std::vector<std::string>{"a"});
}

TEST_CASE("an error names the document, the line, the path, and what would be right") {
    struct Row {
        const char* text;
        const char* message;
        const char* advice;
    };
    const Row row = GENERATE(values<Row>({
        {"{\n\"rol\": \"web\"}", "user-data:2: rol: unknown key", "did you mean \"role\"?"},
        {"{\n\"repository\": {\n\"ulr\": 1}}", "user-data:3: repository.ulr: unknown key", ""},
        {"{\"repository\": {\n\"revison\": \"x\"}}", "user-data:2: repository.revison: unknown key",
         "did you mean \"revision\"?"},
        {"{\"mirrors\": []}", "user-data:1: mirrors: unknown key", ""},
        {"{\"repository\": {\"mirrors\": \"https://h/x\"}}",
         "user-data:1: repository.mirrors: expected a list of strings", ""},
        {"{\"configuration\": {\n\"mirors\": []}}", "user-data:2: configuration.mirors: unknown key",
         "did you mean \"mirrors\"?"},
        {"{\"configuration\": {\"environment\": \"x\"}}", "user-data:1: configuration.environment: unknown key", ""},
        {"{\"repository\": {\"path\": \"x\"}}", "user-data:1: repository.path: unknown key", ""},
        {"{\"puppet\": {\"nop\": true}}", "user-data:1: puppet.nop: unknown key", "did you mean \"noop\"?"},
        {"{\"schedule\": {\"every\": \"1h\"}}", "user-data:1: schedule.every: unknown key", ""},
        {"{\"role\": 5}", "user-data:1: role: expected a string, but it is number", "write a string"},
        {"{\"role\": null}", "user-data:1: role: expected a string, but it is null", ""},
        {"{\"classes\": \"role::web\"}", "user-data:1: classes: expected a list of strings, but it is string", ""},
        {"{\"classes\": [1]}", "user-data:1: classes: expected a list of strings", ""},
        {"{\"facts\": []}", "user-data:1: facts: expected an object, but it is array", ""},
        {"{\"data\": \"x\"}", "user-data:1: data: expected an object, but it is string", ""},
        {"{\"puppet\": {\"noop\": \"yes\"}}", "user-data:1: puppet.noop: expected true or false, but it is string", ""},
        {"{\"puppet\": {\"timeout\": 30}}", "user-data:1: puppet.timeout: expected a duration", ""},
        {"{\"schedule\": {\"interval\": \"5x\"}}", "user-data:1: schedule.interval: expected a duration", ""},
        {"{\"schedule\": {\"interval\": \"59s\"}}", "user-data:1: schedule.interval: shorter than a minute", ""},
    }));
    CAPTURE(row.text);
    const Error error = error_for(row.text);
    CHECK(error.code == "role.invalid");
    CHECK(error.kind == ErrorKind::permanent);
    CHECK(error.message.starts_with(row.message));
    CHECK(error.advice.find(row.advice) != std::string::npos);
    CHECK_FALSE(error.advice.empty());
}

TEST_CASE("an error in the image's layer names its file and line") {
    const Error error = error_for(complete(), with_layer("{\n\"puppet\": {\n\"noop\": 1}}"));
    CHECK(error.message.starts_with("/etc/bootwright/agent.json:4: role_config.puppet.noop: expected true or false"));
    CHECK(error.kind == ErrorKind::permanent);
}

TEST_CASE("what user-data says is not mended by the layer below") {
    CHECK(error_for(R"({"role": ""})", with_layer(complete())).code == "role.invalid");
}

TEST_CASE("a time limit of nothing for Puppet is refused: no run could ever succeed") {
    CHECK(error_for(complete(R"("puppet": {"timeout": "0s"})")).message.find("puppet.timeout") != std::string::npos);
}

TEST_CASE("what is missing is named, with where it was looked for") {
    struct Row {
        const char* text;
        const char* what;
    };
    const Row row = GENERATE(values<Row>({
        {R"({"repository": {"url": "https://h/x", "revision": "0123456789abcdef0123456789abcdef01234567"}})",
         "role (or classes)"},
        {R"({"role": "web", "repository": {"revision": "0123456789abcdef0123456789abcdef01234567"}})",
         "repository.url"},
        {R"({"role": "web", "repository": {"url": "https://h/x"}})", "repository.revision"},
        {R"({"classes": [], "repository": {"url": "https://h/x"}})", "role (or classes)"},
        {"{}", "role (or classes)"},
    }));
    CAPTURE(row.text);
    const Error error = error_for(row.text);
    CHECK(error.code == "role.incomplete");
    CHECK(error.kind == ErrorKind::permanent);
    CHECK(error.message.find("user-data does not set " + std::string(row.what)) != std::string::npos);
}

TEST_CASE("an instance without user-data is told apart from one whose user-data lacks something") {
    for (const std::optional<std::string>& user_data : {std::optional<std::string>(), std::optional<std::string>("")}) {
        const Error error = error_of([&] { return read_role_config({}, instance(user_data)); });
        CHECK(error.code == "role.no_user_data");
        CHECK(error.kind == ErrorKind::permanent);
        CHECK(error.message.find("platform ec2") != std::string::npos);
    }
}

TEST_CASE("the instance's tags are a layer between the image and the user-data") {
    InstanceMetadata tagged = instance(R"({"facts": {"datacenter": "from-user-data"}})");
    tagged.tags = {{"Name", "web"},
                   {"bootwright:role", "web"},
                   {"Bootwright-classes", "role::web, profile::base"},
                   {"bootwright.repository", "https://h/x"},
                   {"bootwright_revision", pin},
                   {"bootwright:noop", "true"},
                   {"bootwright:facts:datacenter", "from-tag"},
                   {"bootwright-facts-rack", "7"}};
    const RoleConfig role = read_role_config(with_layer(R"({"role": "base"})"), tagged);
    CHECK(role.role == "web");
    CHECK(role.classes == std::vector<std::string>{"role::web", "profile::base"});
    CHECK(role.repository.url == "https://h/x");
    CHECK(role.repository.revision == pin);
    CHECK(role.puppet.noop);
    CHECK(role.facts == Json{{"datacenter", "from-user-data"}, {"rack", "7"}});
    CHECK(role.origins.at("role") == "tag bootwright:role");
    CHECK(role.origins.at("repository.revision") == "tag bootwright_revision");
    CHECK(role.origins.at("facts.datacenter") == "user-data");
}

TEST_CASE("of a tag's name that is long the beginning is told") {
    InstanceMetadata tagged = instance(complete());
    tagged.tags = {{"bootwright:" + std::string(500, 'x'), "web"}};
    const std::string message = error_of([&] { return read_role_config({}, tagged); }).message;
    CHECK(message.find("bootwright:" + std::string(40, 'x')) != std::string::npos);
    CHECK(message.size() < 130);
}

TEST_CASE("a tag that means nothing, or says something wrong, is named") {
    struct Row {
        const char* tag;
        const char* value;
        const char* message;
        const char* advice;
    };
    const Row row = GENERATE(values<Row>({
        {"bootwright:rol", "web", "tag bootwright:rol: unknown key", "did you mean \"role\"?"},
        {"bootwright-xyzzy", "web", "tag bootwright-xyzzy: unknown key", "use role, "},
        {"bootwright:role", "", "tag bootwright:role: role: expected one word", ""},
        {"bootwright:revision", "main", "tag bootwright:revision: repository.revision: expected a full commit id", ""},
        {"bootwright:repository", "nonsense", "tag bootwright:repository: repository.url: expected", ""},
        {"bootwright:noop", "maybe", "tag bootwright:noop: puppet.noop: expected", ""},
        {"bootwright:classes", "role::web,,", "tag bootwright:classes: classes: ", ""},
        {"bootwright:facts:Data", "x", "tag bootwright:facts:Data: facts.Data: not a name", ""},
    }));
    CAPTURE(row.tag);
    InstanceMetadata tagged = instance(complete());
    tagged.tags = {{row.tag, row.value}};
    const Error error = error_of([&] { return read_role_config({}, tagged); });
    CHECK(error.code == "role.invalid");
    CHECK(error.kind == ErrorKind::permanent);
    CHECK(error.message.starts_with(row.message));
    CHECK(error.advice.starts_with(row.advice));
}

TEST_CASE(
    "user-data of another program leaves the role config to tags and image, and is named where they lack something") {
    InstanceMetadata tagged = instance("#!/bin/sh\n");
    const Error error = error_of([&] { return read_role_config({}, tagged); });
    CHECK(error.code == "role.user_data_not_ours");
    CHECK(error.message.find("a script for cloud-init") != std::string::npos);
    CHECK(error.message.find("role (or classes)") != std::string::npos);
    tagged.tags = {{"bootwright:role", "web"}, {"bootwright:repository", "https://h/x"}, {"bootwright:revision", pin}};
    CHECK(read_role_config({}, tagged).role == "web");
}

namespace {

const std::string with_file =
    R"("configuration": {"url": "https://h/c.git", "revision": ")" + std::string(pin) + R"(", "path": "eu/web.json"})";

RoleConfig read_with_file(const std::string& user_data, const std::string& file, const AgentConfig& config = {}) {
    return read_role_config(config, instance(user_data), read_configuration_file(file, "the file"));
}

}  // namespace

TEST_CASE("the file of the configuration repository is a layer above the image's and below the instance's own") {
    const AgentConfig config = with_layer(R"({"role": "image", "facts": {"a": 1, "b": 1, "c": 1}})");
    InstanceMetadata tagged = instance("{" + with_file + R"(, "facts": {"c": 4}})");
    tagged.tags = {{"bootwright:facts:d", "tag"}};
    const std::string file = complete(R"("facts": {"b": 2, "c": 2, "d": 2}, "data": {"k": "v"})");
    const RoleConfig role = read_role_config(config, tagged, read_configuration_file(file, "the file"));
    CHECK(role.role == "web");
    CHECK(role.facts == Json{{"a", 1}, {"b", 2}, {"c", 4}, {"d", "tag"}});
    CHECK(role.data.at("k") == "v");
    CHECK(role.repository.url == "https://git.example.com/puppet.git");
    CHECK(role.configuration.path == "eu/web.json");
    CHECK(role.origins.at("role") == "the file");
    CHECK(role.origins.at("facts.a") == "/etc/bootwright/agent.json");
    CHECK(role.origins.at("facts.b") == "the file");
    CHECK(role.origins.at("facts.c") == "user-data");
    CHECK(role.origins.at("facts.d") == "tag bootwright:facts:d");
}

TEST_CASE("what the file may say is not required before it is there, and is afterwards") {
    const RoleConfig before = read("{" + with_file + "}");
    CHECK(before.configuration.path == "eu/web.json");
    CHECK(before.role.empty());
    CHECK(read_with_file("{" + with_file + "}", complete()).role == "web");
    const Error no_role = error_of([&] { return read_with_file("{" + with_file + "}", "{}"); });
    CHECK(no_role.code == "role.incomplete");
    CHECK(no_role.message.find("role (or classes)") != std::string::npos);
    const Error no_pin = error_of([&] { return read_with_file("{" + with_file + "}", R"({"role": "web"})"); });
    CHECK(no_pin.code == "role.incomplete");
    CHECK(no_pin.message.find("repository.url") != std::string::npos);
    // Without a path there is no file to wait for.
    CHECK(error_for(to_line({{"configuration", {{"url", "https://h/c"}, {"revision", pin}}}})).code ==
          "role.incomplete");
}

TEST_CASE("the file names no other configuration repository, not even a part of one") {
    const std::string part = GENERATE(R"("configuration": {"url": "https://h/other", "revision": "0"})",
                                      R"("configuration": {"revision": "main"})", R"("configuration": {"path": "x"})",
                                      R"("configuration": {})", R"("configuration": null)");
    CAPTURE(part);
    const Error error = error_of([&] { return read_with_file("{" + with_file + "}", "{\n" + part + "}"); });
    CHECK(error.code == "role.invalid");
    CHECK(error.kind == ErrorKind::permanent);
    CHECK(error.message.starts_with("the file:2: configuration: "));
}

TEST_CASE("the file is read in every form that user-data has, and is refused where it is none of them") {
    CHECK(read_with_file("{" + with_file + "}", complete()).role == "web");
    CHECK(read_with_file("{" + with_file + "}",
                         "#cloud-config\nbootwright:\n  role: yaml\n  repository:\n"
                         "    url: https://h/x\n    revision: " +
                             std::string(pin) + "\n")
              .role == "yaml");
    for (const char* file : {"", "#!/bin/sh\n", "   \n"}) {
        CAPTURE(file);
        const Error error = error_of([&] { return read_configuration_file(file, "the file"); });
        CHECK(error.code == "role.invalid");
        CHECK(error.message.find("the file is ") != std::string::npos);
    }
    const Error unknown = error_of([&] { return read_with_file("{" + with_file + "}", "{\n\"rol\": 1}"); });
    CHECK(unknown.message.starts_with("the file:2: rol: unknown key"));
}
