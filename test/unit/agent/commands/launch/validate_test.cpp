#include "agent/commands/launch/checked_file.hpp"

#include "agent/role/role_layers.hpp"
#include "common/base/encoding.hpp"
#include "common/base/text.hpp"
#include "common/files/file.hpp"
#include "test/fakes/captured_output.hpp"
#include "test/fakes/compressed.hpp"
#include "test/fakes/fake_system.hpp"
#include "test/fakes/fixtures.hpp"
#include "test/fakes/run_command.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>

using namespace bootwright;
namespace fs = std::filesystem;

namespace {

constexpr const char* pin = R"("repository": {"url": "https://git.example.com/x.git",
                                              "revision": "0123456789abcdef0123456789abcdef01234567"})";

struct Validated {
    int status = 0;
    std::string text;
};

/// `bootwright validate` of files by their names, on a machine without a configuration.
Validated validated(const std::map<std::string, std::string>& files, std::map<std::string, std::string> given = {}) {
    const FakeSystem fake;
    const TemporaryRoot folder;
    CommandArguments::Words words;
    for (const auto& [name, text] : files) {
        folder.write(name, text);
        words["FILE"].push_back(folder.path(name).string());
    }
    const CapturedOutput output;
    const int status = run_command(fake.system, "validate", given, words);
    std::string text = output.text();
    for (std::size_t at = text.find(folder.path().string()); at != std::string::npos;
         at = text.find(folder.path().string())) {
        text.erase(at, folder.path().string().size() + 1);
    }
    return {status, text};
}

std::vector<std::string> lines_of(const std::map<std::string, std::string>& files,
                                  std::map<std::string, std::string> given = {}) {
    return split(trimmed(validated(files, std::move(given)).text), '\n');
}

bool has_line(const std::vector<std::string>& lines, const std::string& begin) {
    return std::any_of(lines.begin(), lines.end(), [&](const auto& line) { return line.starts_with(begin); });
}

}  // namespace

TEST_CASE("a role config that the agent takes is good") {
    const auto [status, text] = validated({{"web.json", std::string(R"({"role": "web", )") + pin + "}"}});
    CHECK(status == exit_ok);
    CHECK(text == "web.json: good (user-data)\n");
}

TEST_CASE("all mistakes of a role config are told, each with line and column, and what would be right") {
    const auto lines = lines_of({{"role.json", R"({
  "role": "a web server",
  "rol": 1,
  "repository": {"url": "git@example.com:x", "revison": "main"},
  "puppet": {
    "timeout": "10 minutes",
    "noop": "yes"
  },
  "facts": {"Datacenter": "x", "Rack": "y"},
  "repositories": [
    {"name": "data", "url": 7, "revision": "-"},
    {"name": "Modules"}
  ],
  "health": {"checks": [
    {"unit": "a.service", "tcp": "h:1"},
    {"http": "https://h/"}
  ]}
})"}});
    for (const char* line : {
             "role.json:2:3: role: expected one word without spaces; write a role such as \"web\"",
             "role.json:3:3: rol: unknown key; did you mean \"role\"?",
             "role.json:4:18: repository.url: ",
             "role.json:4:46: repository.revison: unknown key; did you mean \"revision\"?",
             "role.json:6:5: puppet.timeout: expected a duration such as \"30s\", \"5m\" or \"2h\"; write a whole "
             "number",
             "role.json:7:5: puppet.noop: expected true or false, but it is string; write true or false",
             "role.json:9:13: facts.Datacenter: not a name that is allowed here",
             "role.json:9:32: facts.Rack: not a name that is allowed here",
             "role.json:11:22: repositories.0.url: expected a string, but it is number",
             "role.json:11:32: repositories.0.revision: ",
             "role.json:12:6: repositories.1.name: not a name for a repository",
             "role.json:12:5: repositories.1.url: is not there",
             "role.json:15:6: health.checks.0.unit: a check asks for one thing only",
             "role.json:16:6: health.checks.1.http: ",
             "role.json does not set repository.revision, ",
         }) {
        CAPTURE(line, lines);
        CHECK(has_line(lines, line));
    }
    CHECK_FALSE(has_line(lines, "role.json does not set role"));
    CHECK(lines.back() == "role.json: " + std::to_string(lines.size() - 1) + " mistakes (role)");
}

TEST_CASE("a value is never quoted: it may be a secret") {
    const auto text =
        validated({{"role.json", R"({"role": "hunter2 x", "data": "hunter2", "puppet": {"timeout": "hunter2"},
        "repository": {"url": "https://u:hunter2@h/x y", "revision": "hunter2 x"}, "classes": ["Hunter2", 1]})"}})
            .text;
    CHECK(text.find("unter2") == std::string::npos);
}

TEST_CASE("lines of user-data are those of its file, in each form in which they can be") {
    const std::string part = "--x\nContent-Type: text/x-bootwright\n\n{\n \"rol\": 1}\n--x--\n";
    const std::string mime =
        "\nContent-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: text/x-shellscript\n\n#!/bin/sh\n" + part;
    const std::map<std::string, std::string> part_only{{"--part", ""}};
    CHECK(has_line(lines_of({{"a.yaml", "#cloud-config\npackages: [jq]\nbootwright:\n  rol: web\n"}}, part_only),
                   "a.yaml:4:3: bootwright.rol: unknown key"));
    CHECK(has_line(lines_of({{"b.yaml", "# a comment\nrole: web\nfacts: {A: 1}\n"}}, part_only),
                   "b.yaml:3:9: facts.A: "));
    CHECK(has_line(lines_of({{"mime", mime}}, part_only), "mime:12:2: part 2 (text/x-bootwright): rol: unknown key"));
    CHECK(
        has_line(lines_of({{"packed", to_gzip("\nrol: web\n")}}, part_only), "packed, unpacked:2:1: rol: unknown key"));
    CHECK(has_line(lines_of({{"packed", encode_base64(mime)}}, part_only),
                   "packed, part 2 (text/x-bootwright), unpacked:2:2: rol: unknown key"));
}

TEST_CASE("what cannot be read at all is told with its place") {
    CHECK(
        lines_of({{"role.json", "{\n \"role\": \"web\",\n}"}}).front().starts_with("role.json:3:1: not valid JSON: "));
    CHECK(lines_of({{"role.json", "{\"a\": [1,\n  {\"b\": 1, \"b\": 2}]}"}}).front() ==
          "role.json:2:4: the key \"b\" stands there twice; keep one of them, or nest less");
    CHECK(lines_of({{"user-data", "role: web\n  x: 1\n"}}).front().starts_with("user-data:2:"));
    CHECK(lines_of({{"user-data", "role: web\nrole: db\n"}})
              .front()
              .starts_with("user-data:2:1: a key that stands there twice"));
    CHECK(lines_of({{"user-data", std::string("\x1f\x8b cut")}}).front().starts_with("user-data is gzip, but damaged"));
}

TEST_CASE("an agent.json is the image that the other files are judged on") {
    const std::string image =
        R"({"fixed": ["repository.url", "repository.revision"], "role_config": {)" + std::string(pin) + "}}";
    CHECK(validated({{"agent.json", image}, {"web.yaml", "role: web\n"}}).status == exit_ok);
    const auto lines =
        lines_of({{"agent.json", image},
                  {"web.yaml", "role: web\nrepository: {url: 'https://other.example.com/x'}\nrepositories: []\n"}});
    CHECK(has_line(lines, "agent.json: good (agent)"));
    CHECK(has_line(lines, "web.yaml:2:14: repository.url: the image has fixed repository.url to another value; "));
    CHECK(has_line(lines, "web.yaml:3:1: repositories: may not be said by whoever writes this document"));
    CHECK(validated({{"agent.json", image}, {"role.json", R"({"role": "web", "repositories": []})"}}).status ==
          exit_ok);
}

TEST_CASE("all mistakes of an image's configuration are told, those of its role_config too") {
    const auto lines = lines_of({{"agent.json", R"({
  "repositry": {},
  "repository": {"keep": "3", "timeout": "30", "credentials": [{"host": "https://h"}, {"host": "h", "fro": 1}]},
  "fixed": ["rol", "role"],
  "allow_from_anywhere": 7,
  "role_config": {"rol": 1, "facts": {"cloud": 1}, "puppet": {"noop": 1}}
})"}});
    for (const char* line : {"agent.json:2:3: repositry: unknown key; did you mean \"repository\"?",
                             "agent.json:3:18: repository.keep: expected", "agent.json:3:31: repository.timeout: ",
                             "agent.json:3:65: repository.credentials.0.host: ",
                             "agent.json:4:13: fixed.0: \"rol\" is no key of the role config; did you mean \"role\"?",
                             "agent.json:5:3: allow_from_anywhere: expected a list",
                             "agent.json:6:19: role_config.rol: unknown key; did you mean",
                             "agent.json:6:63: role_config.puppet.noop: ", "agent.json: facts.cloud ("}) {
        CAPTURE(line, lines);
        CHECK(has_line(lines, line));
    }
    CHECK_FALSE(has_line(lines, "agent.json:5:3: allow_from_anywhere: unknown key"));
}

TEST_CASE("what a part lacks is no mistake where others may say it") {
    const std::map<std::string, std::string> part{{"role.json", R"({"role": "web"})"}};
    CHECK(validated(part).status == exit_failed);
    CHECK(validated(part, {{"--part", ""}}).status == exit_ok);
}

TEST_CASE("programs get each mistake by its parts") {
    const auto [status, text] = validated({{"role.json", "{\n \"rol\": 1}"}}, {{"--part", ""}, {"--json", ""}});
    CHECK(status == exit_failed);
    const Json document = Json::parse(text);
    CHECK(document.at("good") == false);
    const Json file = document.at("files").at(0);
    CHECK(file.at("file") == "role.json");
    CHECK(file.at("kind") == "role");
    CHECK(file.at("mistakes") == Json::parse(R"([{"document": "role.json", "line": 2, "column": 2, "path": "rol",
        "code": "role.invalid", "why": "unknown key", "advice": "did you mean \"role\"?"}])"));
}

TEST_CASE("a file whose kind nobody can tell, and a kind that is none, are mistakes of the command line") {
    CHECK_THROWS_AS(validated({{"x.json", "{}"}}), UsageError);
    CHECK_THROWS_AS(validated({{"x.json", "{}"}}, {{"--kind", "roles"}}), UsageError);
    CHECK(validated({{"x.json", "{}"}}, {{"--kind", "agent"}}).status == exit_ok);
}

TEST_CASE("validate and the agent say the same of each file of the corpora") {
    int good = 0;
    int bad = 0;
    for (const char* corpus : {"user_data", "role_config"}) {
        for (const auto& entry : fs::directory_iterator(fixture_path("../fuzz/corpus") / corpus)) {
            const std::string text = read_file(entry.path(), std::size_t{1} << 20U);
            CAPTURE(entry.path());
            const AgentConfig image;
            const InstanceMetadata instance{
                .platform = "file", .instance_id = "i-1", .user_data = text, .user_data_origin = entry.path().string()};
            std::string refused;
            try {
                read_role_config(image, instance);
            } catch (const Error& error) {
                refused = error.message;
            }
            const FakeSystem fake;
            std::vector<CheckedFile> files{{.path = entry.path().string(), .text = text}};
            check_files(fake.system, files);
            const Mistakes& mistakes = files.front().mistakes;
            CHECK(refused.empty() == mistakes.empty());
            CHECK((refused.empty() || std::any_of(mistakes.begin(), mistakes.end(),
                                                  [&](const Mistake& mistake) { return mistake.message == refused; })));
            ++(refused.empty() ? good : bad);
        }
    }
    CHECK(good > 5);
    CHECK(bad > 20);
}
