// Which values each key may have.

#include "agent/role/role_layers.hpp"

#include "common/base/error.hpp"
#include "test/fakes/role_layers_texts.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;
using namespace bootwright::role_layers_tests;

namespace {

AgentConfig with_branches() {
    AgentConfig config;
    config.repository.allow_branches_and_tags = true;
    return config;
}

std::string with_url(const std::string& url) {
    return to_line({{"role", "web"}, {"repository", {{"url", url}, {"revision", pin}}}});
}
std::string with_revision(const std::string& revision) {
    return to_line({{"role", "web"}, {"repository", {{"url", "https://h/x"}, {"revision", revision}}}});
}

}  // namespace

TEST_CASE("a role is one word") {
    for (const char* good : {"web", "web-frontend", "role::web", "Web_1", "a/b"}) {
        CHECK(read(R"({"role": ")" + std::string(good) + "\"}", with_layer(complete())).role == good);
    }
    for (const std::string& bad :
         {std::string(), std::string("two words"), std::string("tab\\t"), std::string("line\\n"),
          std::string("\\u0000"), std::string("r\xC3\xB4le"), std::string(256, 'x')}) {
        CAPTURE(bad);
        CHECK(error_for("{\"role\": \"" + bad + "\"}").message.find("role: ") != std::string::npos);
    }
}

TEST_CASE("classes are names that Puppet allows") {
    for (const char* good : {"a", "role::web", "a1::b_2::c"}) {
        CHECK(read(complete("\"classes\": [\"" + std::string(good) + "\"]")).classes.size() == 1);
    }
    for (const char* bad :
         {"", "::a", "a::", "a:b", "a::::b", "Role::Web", "1a", "a-b", "a b", "a::1b", "_a", "a\\nb", "ä"}) {
        CAPTURE(bad);
        CHECK(error_for(complete("\"classes\": [\"fine\", \"" + std::string(bad) + "\"]")).code == "role.invalid");
    }
    CHECK(read(complete("\"classes\": []")).classes.empty());
}

TEST_CASE("facts have names that Puppet allows") {
    for (const char* good : {"a", "datacenter", "a_1", "data-center"}) {
        CHECK(read(complete("\"facts\": {\"" + std::string(good) + "\": 1}")).facts.size() == 1);
    }
    for (const char* bad : {"", "A", "1a", "-a", "a.b", "a b", "_a", "a\\u0000", "fäct"}) {
        CAPTURE(bad);
        const Error error = error_for(complete("\"facts\": {\"" + std::string(bad) + "\": 1}"));
        CHECK(error.code == "role.invalid");
        CHECK(error.message.find("facts.") != std::string::npos);
    }
}

TEST_CASE("Hiera keys may be anything but empty") {
    CHECK(read(complete(R"("data": {"a::b": 1, "Weird Key!": 2})")).data.size() == 2);
    CHECK(error_for(complete(R"("data": {"": 1})")).code == "role.invalid");
}

TEST_CASE("a repository's URL is https, http, ssh, git or file, or the place of snapshots") {
    for (const char* good :
         {"https://git.example.com/a.git", "http://10.0.0.1:8080/a", "ssh://git@h/a.git", "file:///srv/a.git",
          "https://user:p%40ss@h/a", "https://[fd00::1]/a", "git://h/a", "https://cdn.example.com/{revision}.bundle",
          "s3://bucket/a", "gs://bucket/a", "az://account/container/a"}) {
        CHECK(read(with_url(good)).repository.url == good);
    }
    for (const std::string& bad :
         {std::string(), std::string("https://"), std::string("git@github.com:a/b.git"), std::string("git://"),
          std::string("s3://"), std::string("/srv/a.git"), std::string("ext::sh -c id"), std::string("HTTPS://h/a"),
          std::string(" https://h/a"), std::string("https://h/a b"), std::string("https://h/a\nb"),
          std::string("https://h/ä"), std::string("ftp://h/a"), "https://h/" + std::string(4000, 'x')}) {
        CAPTURE(bad);
        const Error error = error_for(with_url(bad));
        CHECK(error.code == "role.invalid");
        CHECK(error.message.find("repository.url: expected the URL of a repository") != std::string::npos);
    }
}

TEST_CASE("mirrors are any places of the same repository") {
    const auto mirrors = [](const Json& list) {
        return to_line({{"role", "web"},
                        {"repository", {{"url", "https://h/x"}, {"revision", pin}, {"mirrors", list}}},
                        {"configuration", {{"url", "https://h/c"}, {"revision", pin}, {"mirrors", list}}}});
    };
    const Json good{"https://h/a.git",
                    "http://h/a",
                    "ssh://git@h/a",
                    "git://h/a",
                    "file:///srv/a.git",
                    "s3://bucket/a/b",
                    "gs://bucket",
                    "az://account/container",
                    "https://cdn.example.com/{revision}.bundle"};
    const RoleConfig role = read(mirrors(good));
    const auto list = good.get<std::vector<std::string>>();
    const std::vector<Url> expected(list.begin(), list.end());
    CHECK(role.repository.mirrors == expected);
    CHECK(role.configuration.mirrors == expected);
    CHECK(role.origins.at("repository.mirrors") == "user-data");
    CHECK(role.origins.at("configuration.mirrors") == "user-data");
    CHECK(read(mirrors(Json::array())).repository.mirrors.empty());
    for (const std::string& bad :
         {std::string(), std::string("s3://"), std::string("ftp://user:hunter2@h/a"), std::string("git@h:a"),
          std::string("https://h/a b"), std::string("ext::id"), "https://h/" + std::string(4000, 'x')}) {
        CAPTURE(bad);
        const Error error = error_for(mirrors({"https://h/a.git", bad}));
        CHECK(error.code == "role.invalid");
        CHECK(error.message.find(".mirrors: a list entry is no ") != std::string::npos);
        CHECK(error.message.find("hunter2") == std::string::npos);
    }
    CHECK(error_for(mirrors(std::vector<std::string>(33, "https://h/a"))).code == "role.invalid");
}

TEST_CASE("an environment is a name that Puppet allows") {
    const auto with_environment = [](const std::string& name) {
        return to_line(
            {{"role", "web"}, {"repository", {{"url", "https://h/x"}, {"revision", pin}, {"environment", name}}}});
    };
    for (const char* good : {"production", "a_1", "2026"}) {
        CHECK(read(with_environment(good)).repository.environment == good);
    }
    CHECK(read(with_environment("")).repository.environment.empty());
    for (const std::string& bad : {std::string("Production"), std::string("a-b"), std::string("a/b"), std::string(".."),
                                   std::string("a b"), std::string(101, 'a')}) {
        CAPTURE(bad);
        CHECK(error_for(with_environment(bad)).message.find("repository.environment: ") != std::string::npos);
    }
}

TEST_CASE("a second repository is pinned as the first one is") {
    const auto with_configuration = [](const Json& configuration) {
        Json role = Json::parse(complete());
        role["configuration"] = configuration;
        return to_line(role);
    };
    const RoleConfig role =
        read(with_configuration({{"url", "git://h/instances"}, {"revision", pin}, {"path", "eu/web.json"}}));
    CHECK(role.configuration.url == "git://h/instances");
    CHECK(role.configuration.revision == pin);
    CHECK(role.configuration.path == "eu/web.json");
    CHECK(role.origins.at("configuration.path") == "user-data");
    CHECK(read(complete()).configuration.url.empty());
    CHECK(error_for(with_configuration({{"url", "https://h/x"}})).code == "role.incomplete");
    CHECK(error_for(with_configuration({{"revision", pin}})).code == "role.incomplete");
    CHECK(error_for(with_configuration({{"path", "x"}})).code == "role.incomplete");
    CHECK(error_for(with_configuration({{"url", "https://h/x"}, {"revision", "main"}})).code == "role.invalid");
    CHECK(read(with_configuration({{"url", "s3://bucket"}, {"revision", pin}})).configuration.url == "s3://bucket");
    for (const std::string& bad :
         {std::string("/etc/passwd"), std::string("../x"), std::string("a/../b"), std::string("a//b"),
          std::string("a/"), std::string("."), std::string("a/.git/x"), std::string(".GIT"), std::string("a b"),
          std::string("a\nb"), std::string(501, 'a')}) {
        CAPTURE(bad);
        CHECK(error_for(with_configuration({{"url", "https://h/x"}, {"revision", pin}, {"path", bad}}))
                  .message.find("configuration.path: not a path") != std::string::npos);
    }
}

TEST_CASE("a wrong URL is not quoted, since it may hold a password") {
    CHECK(error_for(with_url("gti://user:hunter2@h/a")).message.find("hunter2") == std::string::npos);
}

TEST_CASE("a revision is a full commit id, unless the image allows branches and tags") {
    CHECK(read(with_revision(pin)).repository.revision == pin);
    for (const char* name :
         {"main", "v1.2", "0123456", "0123456789ABCDEF0123456789ABCDEF01234567", "refs/heads/main"}) {
        CAPTURE(name);
        const Error error = error_for(with_revision(name));
        CHECK(error.code == "role.invalid");
        CHECK(error.message.find("repository.revision: expected a full commit id") != std::string::npos);
        CHECK(error.advice.find("allow_branches_and_tags") != std::string::npos);
        CHECK(read(with_revision(name), with_branches()).repository.revision == name);
    }
}

TEST_CASE("what git does not allow as a name is refused even where branches are allowed") {
    for (const std::string& bad : {std::string(), std::string("-x"), std::string("a..b"), std::string("a b"),
                                   std::string("a:b"), std::string("a^{}"), std::string("a~1"), std::string("a\nb"),
                                   std::string("@{u}"), std::string("*"), std::string("é"), std::string(201, 'a')}) {
        CAPTURE(bad);
        CHECK(error_for(with_revision(bad), with_branches()).code == "role.invalid");
    }
    CHECK(read(with_revision("feature/a-b_c.d+e"), with_branches()).repository.revision == "feature/a-b_c.d+e");
}

TEST_CASE("no fact takes the name of what carries the instance's metadata") {
    const Error error = error_for(complete(R"("facts": {"cloud": "mine"})"));
    CHECK(error.code == "role.invalid");
    CHECK(error.message.starts_with("facts.cloud (user-data)"));
}

TEST_CASE("repositories beside the control repository have names of their own, which are names of folders") {
    const auto repositories = [](const Json& list) {
        Json role = Json::parse(complete());
        role["repositories"] = list;
        return read(to_text(role)).repositories;
    };
    const Json one{{"name", "data"}, {"url", "https://h/data.git"}, {"revision", std::string(40, 'a')}};
    const auto with = [&](const char* key, const Json& value) {
        Json changed = one;
        changed[key] = value;
        return changed;
    };
    const auto read_two = repositories({one, with("name", "secrets_2-x")});
    REQUIRE(read_two.size() == 2);
    CHECK(read_two[1].name == "secrets_2-x");
    CHECK(read_two[0].url == Url("https://h/data.git"));
    CHECK(repositories(Json::array()).empty());
    for (const char* name : {"", ".", "..", "../x", "a/b", "A", "-x", "_x", "environments", "1", "a b", "current\n"}) {
        CAPTURE(name);
        CHECK(error_of([&] { repositories({with("name", name)}); }).code == "role.invalid");
    }
    CHECK(error_of([&] {
              repositories({one, one});
          }).message.find("a second repository of this name") != std::string::npos);
    CHECK(error_of([&] { repositories({with("revision", "main")}); }).code == "role.invalid");
    CHECK(error_of([&] { repositories({with("url", "nonsense")}); }).code == "role.invalid");
    CHECK(error_of([&] { repositories({with("path", "x.json")}); }).code == "role.invalid");
    for (const char* key : {"name", "url", "revision"}) {
        Json without = one;
        without.erase(key);
        CHECK(error_of([&] { repositories({without}); }).code == "role.invalid");
    }
    Json many = Json::array();
    for (int i = 0; i < 17; ++i) {
        many.push_back(with("name", "n" + std::to_string(i)));
    }
    CHECK(error_of([&] { repositories(many); }).message.find("more than 16") != std::string::npos);
}
