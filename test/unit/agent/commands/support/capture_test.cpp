#include "agent/commands/facts_file.hpp"
#include "agent/commands/support/recorded_answers.hpp"
#include "agent/commands/support/redaction.hpp"
#include "agent/config/config.hpp"
#include "common/base/encoding.hpp"
#include "common/files/file.hpp"
#include "test/fakes/answers.hpp"
#include "test/fakes/captured_output.hpp"
#include "test/fakes/errors.hpp"
#include "test/fakes/fixtures.hpp"
#include "test/fakes/run_command.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>

#include <sys/stat.h>

using namespace bootwright;
namespace fs = std::filesystem;

namespace {

constexpr const char* secret = "hunter2";

/// test/fixtures/NAME/ROOT of every platform that has one, as "NAME/ROOT".
std::vector<std::string> machines() {
    std::vector<std::string> roots;
    for (const auto& folder : fs::directory_iterator(fixture_path(""))) {
        if (fs::exists(folder.path() / "fixture.json")) {
            const Json about = Json::parse(fixture(folder.path().filename().string() + "/fixture.json"));
            roots.push_back(folder.path().filename().string() + "/" + string_at(about, "root"));
        }
    }
    return roots;
}

void arrange(FakeSystem& fake, const std::string& machine) {
    if (fs::exists(fixture_path(machine) / "metadata-answers.json")) {
        replay(fake, machine);
    } else {
        fake.root.copy(fixture_path(machine));
    }
}

/// Runs a command on a captured tree, as `--root` does, and returns what it printed.
Json explained(const FakeSystem& fake, const fs::path& tree) {
    const Json answers = read_recorded_answers(tree).value();
    ReplayHttpClient http(answers);
    ReplayProcessRunner processes(answers);
    const System system{.http = http,
                        .processes = processes,
                        .clock = fake.system.clock,
                        .random = fake.system.random,
                        .root = tree,
                        .fetch_program = {},
                        .ruby_folder = {},
                        .environment = {}};
    const CapturedOutput output;
    run_command(system, "explain", {{"--json", ""}});
    return Json::parse(output.text());
}

std::string whole_text(const fs::path& tree) {
    std::string text;
    for (const auto& entry : fs::recursive_directory_iterator(tree)) {
        if (entry.is_regular_file()) {
            text += read_file(entry.path(), std::size_t{16} << 20U);
        }
    }
    return text;
}

}  // namespace

TEST_CASE("what is captured of a machine is explained elsewhere as the machine itself") {
    const std::string machine = GENERATE(from_range(machines()));
    CAPTURE(machine);
    FakeSystem fake;
    arrange(fake, machine);
    const fs::path tree = fake.root.path("/captured");
    {
        const CapturedOutput output;
        CHECK(run_command(fake.system, "capture", {{"DIR", tree}}) == exit_ok);
        CHECK(output.text().find("captured in " + tree.string()) != std::string::npos);
    }
    const Json there = explained(fake, tree);
    CAPTURE(there.dump(1));
    const Json expected = Json::parse(fixture(machine.substr(0, machine.find('/')) + "/fixture.json")).at("expected");
    CHECK(there.at("platform") == expected.at("platform"));
    REQUIRE(there.at("instance").is_object());
    CHECK(there.at("instance").at("id") == expected.at("id"));
    CHECK(there.at("instance").at("region") == expected.at("region"));
    CHECK(there.at("error").is_null());
    CHECK(to_line(there.at("role_config")).find("git.example.com") != std::string::npos);
}

TEST_CASE("no secret leaves the machine in a capture") {
    FakeSystem fake;
    replay(fake, "ec2/root-nitro");
    const std::string user_data =
        R"({"role": "web", "data": {"profile::db::password": "hunter2", "deep": [{"x": "hunter2"}]},
            "facts": {"api_token": "hunter2"}, "repository": {"url": "https://user:hunter2@git.example.com/x.git",
            "revision": "0123456789abcdef0123456789abcdef01234567"}})";
    fake.http.answer("GET /latest/user-data", user_data);
    fake.http.answer("PUT /latest/api/token", "hunter2");
    fake.http.answer("GET /latest/meta-data/tags/instance", "Name\ndb_password");
    fake.http.answer("GET /latest/meta-data/tags/instance/db_password", "hunter2");
    fake.root.write("/proc/cmdline", "ro db_password=hunter2 ds=nocloud-x;s=http://user:hunter2@10.0.0.1/ quiet\n");
    fake.root.write("/etc/bootwright/agent.json",
                    R"({"role_config": {"data": {"a": "hunter2"}, "repository": {"url": "https://u:hunter2@h/x"}}})");
    fake.root.write("/etc/bootwright/agent.d/x.json", R"({"role_config": {"data": {"b": ["hunter2"]}}})");
    const fs::path tree = fake.root.path("/captured");
    const CapturedOutput output;
    run_command(fake.system, "capture", {{"DIR", tree}});
    const std::string text = whole_text(tree);
    CHECK(text.find(secret) == std::string::npos);
    CHECK(output.text().find(secret) == std::string::npos);
    CHECK(text.find("profile::db::password") != std::string::npos);               // the shape stays
    CHECK(text.find("0123456789abcdef0123456789abcdef\n") == std::string::npos);  // the machine-id
    struct stat status {};
    REQUIRE(stat(tree.c_str(), &status) == 0);
    CHECK((status.st_mode & 0777U) == 0700U);
}

TEST_CASE("an OVF environment is captured without its secrets, and explained elsewhere as it was read here") {
    const auto [machine, id] = GENERATE(table<std::string, std::string>({{"vmware/root", "vm-web-1"},
                                                                         {"vmware/root-ovf-volume", "vapp-web-2"},
                                                                         {"azure/root-custom-data", "13f56399"}}));
    CAPTURE(machine);
    FakeSystem fake;
    replay(fake, machine);
    if (machine == "vmware/root") {
        fake.root.write("/usr/bin/vmtoolsd", "");
        fake.processes.answer("info-get guestinfo.metadata",
                              {.result = {.exit_code = 255}, .error_lines = {"Permission denied"}});
        fake.processes.answer(
            "--cmd", {{.lines = {"instance-id: vm-web-1"}},
                      {.result = {.exit_code = 1}, .error_lines = {"No value found"}},
                      {.result = {.exit_code = 1}, .error_lines = {"No value found"}},
                      {.lines = {"<Environment><PropertySection><Property key='user-data' value='",
                                 R"({"role": "web", "data": {"x": "hunter2"}, "repository":)",
                                 R"({"url": "https://git.example.com/x.git", "revision":)",
                                 R"("0123456789abcdef0123456789abcdef01234567"}})",
                                 "'/><Property key='password' value='hunter2'/></PropertySection>",
                                 "<ProvisioningSection><LinuxProvisioningConfigurationSet>",
                                 "<UserPassword>hunter2</UserPassword>",
                                 "</LinuxProvisioningConfigurationSet></ProvisioningSection>", "</Environment>"}}});
    }
    const fs::path tree = fake.root.path("/captured");
    {
        const CapturedOutput output;
        CHECK(run_command(fake.system, "capture", {{"DIR", tree}}) == exit_ok);
    }
    CHECK(whole_text(tree).find(secret) == std::string::npos);
    const Json there = explained(fake, tree);
    CAPTURE(there.dump(1));
    REQUIRE(there.at("instance").is_object());
    CHECK(string_at(there.at("instance"), "id").starts_with(id));
    CHECK(to_line(there.at("role_config")).find("git.example.com") != std::string::npos);
}

TEST_CASE("what no key of a role config names is not captured: it may be data under a misspelt name") {
    FakeSystem fake;
    replay(fake, "ec2/root-nitro");
    const std::string role = R"({"role": "web", "dta": {"a": "hunter2", "b": ["hunter2", 1]}, "data": ["hunter2"],
                                 "repository": {"url": "https://h/x", "pasword": "hunter2"},
                                 "health": {"checks": [{"unit": "nginx.service"}]}})";
    fake.http.answer("GET /latest/user-data", role);
    fake.root.write("/etc/bootwright/agent.json", R"({"role_config": )" + role + "}");
    const fs::path tree = fake.root.path("/captured");
    const CapturedOutput output;
    run_command(fake.system, "capture", {{"DIR", tree}});
    const std::string text = whole_text(tree);
    CHECK(text.find(secret) == std::string::npos);
    for (const char* kept : {"dta", "pasword", "https://h/x", "nginx.service"}) {
        CHECK(text.find(kept) != std::string::npos);
    }
}

TEST_CASE("a metadata service that says its token again does not have it captured") {
    FakeSystem fake;
    replay(fake, "ec2/root-nitro");
    fake.http.answer("PUT /latest/api/token", "token-hunter2");
    fake.http.answer(
        "GET /latest/dynamic/instance-identity/document",
        {HttpResponse{.status = 401, .headers = {{"x-token", "token-hunter2"}}, .body = "not token-hunter2"}});
    const fs::path tree = fake.root.path("/captured");
    const CapturedOutput output;
    run_command(fake.system, "capture", {{"DIR", tree}});
    CHECK(whole_text(tree).find(secret) == std::string::npos);
    CHECK(whole_text(tree).find("not [redacted]") != std::string::npos);
}

TEST_CASE("an instance's identity is not asked for by a capture, and would not be in one") {
    const std::string root = GENERATE(values<std::string>({"ec2/root-nitro", "gce/root", "azure/root"}));
    CAPTURE(root);
    FakeSystem fake;
    replay(fake, root);
    const CapturedOutput output;
    run_command(fake.system, "capture", {{"DIR", fake.root.path("/captured")}});
    for (const std::string& key : fake.http.asked()) {
        CHECK(key.find("credentials") == std::string::npos);
        CHECK(key.find("service-accounts") == std::string::npos);
        CHECK(key.find("oauth2") == std::string::npos);
    }
    std::size_t identities = 0;
    for (Json answer : Json::parse(fixture(root + "/metadata-answers.json"))) {
        const std::string path = string_at(answer, "path");
        if (path.find("credentials") != std::string::npos || path.find("service-accounts") != std::string::npos ||
            path.find("oauth2") != std::string::npos) {
            ++identities;
            redact_answer(answer);
            CHECK(string_at(answer, "body") == "TOKEN");
        }
    }
    CHECK(identities > 0);
}

TEST_CASE("where the image's secrets are kept is no secret, and stays readable") {
    FakeSystem fake;
    replay(fake, "ec2/root-nitro");
    fake.root.write(
        "/etc/bootwright/agent.json",
        R"({"repository": {"proxy": "http://user:hunter2@proxy:3128", "client_key": "/etc/bootwright/key.pem",
                        "credentials": [
                          {"host": "git.example.com", "user": "x", "from": {"file": "/etc/bootwright/token"}},
                          {"host": "other", "user": "x", "from": {"aws_secret": "git/token"}},
                          {"host": "third", "ssh_key_from": {"credential": "git.key"}}]},
                        "s3": {"keys_file": "/etc/bootwright/s3.json"},
                        "puppet": {"eyaml": {"private_key": {"aws_secret": "eyaml"}, "public_key": {"file": "/etc/pub"}}},
                        "secrets": {"endpoint": "https://vpce-1.example.com"}})");
    const fs::path tree = fake.root.path("/captured");
    const CapturedOutput output;
    run_command(fake.system, "capture", {{"DIR", tree}});
    CHECK(whole_text(tree).find(secret) == std::string::npos);
    const System captured{.http = fake.http,
                          .processes = fake.processes,
                          .clock = fake.clock,
                          .random = fake.system.random,
                          .root = tree,
                          .fetch_program = {},
                          .ruby_folder = {},
                          .environment = {}};
    const AgentConfig config = read_agent_config(captured);
    REQUIRE(config.repository.credentials.size() == 3);
    CHECK(config.repository.credentials[0].host == "git.example.com");
    CHECK(config.repository.credentials[0].password->name == "/etc/bootwright/token");
    CHECK(config.s3.keys_file == "/etc/bootwright/s3.json");
    CHECK(config.puppet.eyaml.private_key->name == "eyaml");
    CHECK(config.puppet.eyaml.public_key->name == "/etc/pub");
    CHECK(config.secrets_endpoint == "https://vpce-1.example.com");
}

TEST_CASE("other programs' user-data, attributes and vendor data are not captured at all") {
    FakeSystem fake;
    replay(fake, "gce/root");
    fake.http.answer(
        "GET /computeMetadata/v1/instance/?recursive=true",
        {HttpResponse{.status = 200,
                      .headers = {{"metadata-flavor", "Google"}},
                      .body = R"({"id": 7, "attributes": {"user-data": "#!/bin/sh\nhunter2", "mine": "hunter2",
                                       "startup-script": "hunter2", "bootwright-role": "web"}, "vendor_data": "hunter2"})"}});
    const fs::path tree = fake.root.path("/captured");
    const CapturedOutput output;
    run_command(fake.system, "capture", {{"DIR", tree}});
    const std::string text = whole_text(tree);
    CHECK(text.find(secret) == std::string::npos);
    CHECK(text.find("bootwright-role") != std::string::npos);
}

TEST_CASE("a document that cannot be taken apart is not captured: nobody can tell its secrets") {
    FakeSystem fake;
    replay(fake, "openstack/root");
    const std::string body = GENERATE(values<std::string>({
        R"({"uuid": "u", "admin_pass": "hunter2")",
        R"([{"uuid": "u", "admin_pass": "hunter2"},])",
        "a:\n- {admin_pass: hunter2\n",
    }));
    fake.http.answer("GET /openstack/latest/meta_data.json", body);
    const fs::path tree = fake.root.path("/captured");
    const CapturedOutput output;
    run_command(fake.system, "capture", {{"DIR", tree}});
    CHECK(whole_text(tree).find(secret) == std::string::npos);
}

TEST_CASE("a machine whose metadata service is dead is captured as far as it goes, and says so") {
    FakeSystem fake;
    fake.root.copy(fixture_path("ec2/root-nitro"));
    const fs::path tree = fake.root.path("/captured");
    const CapturedOutput output;
    CHECK(run_command(fake.system, "capture", {{"DIR", tree}}) == exit_ok);
    CHECK(output.text().find("http.unreachable") != std::string::npos);
    CHECK(explained(fake, tree).at("platform") == "ec2");
    CHECK(explained(fake, tree).at("error").at("code") == "http.unreachable");
}

TEST_CASE("nothing is captured over something that is there") {
    FakeSystem fake;
    fake.root.write("/captured/mine", "x");
    CHECK(error_of([&] {
              return run_command(fake.system, "capture", {{"DIR", fake.root.path("/captured")}});
          }).code == "capture.not_empty");
}

TEST_CASE("the facts of the newest run that had some are carried away, without secrets") {
    FakeSystem fake;
    fake.root.write("/etc/bootwright/agent.json", R"({"repository": {"credentials":
        [{"host": "git.example.com", "from": {"file": "/etc/bootwright/token"}}]}})");
    fake.root.write("/etc/bootwright/token", "said-by-a-fact\n");
    fs::permissions(fake.root.path("/etc/bootwright/token"), fs::perms::owner_read);
    const Json facts{{"role", "web"},
                     {"db_password", secret},
                     {"place", "https://u:hunter2@git.example.com/"},
                     {"motd", "token said-by-a-fact"},
                     {"cloud", {{"tags", {{"api-token", secret}, {"Name", "web-1"}}}}},
                     {"deep", {{{"private_key", {secret}}}}}};
    const auto keep = [&](const std::string& run, const Json& document) {
        fake.root.write("/var/lib/bootwright/runs/" + run + "/facts.json.gz", compress_gzip(document.dump()));
    };
    keep("000006", {{"facts", {{"role", "old"}}}});
    keep("000007", {{"facts", facts}, {"order", {{{"cloud"}, {"tags"}}}}});
    fake.root.write("/var/lib/bootwright/runs/000008/facts.json.gz", "cut off");
    const std::string file = fake.root.path("/facts.json").string();
    const CapturedOutput output;
    CHECK(run_command(fake.system, "capture", {{"--facts", file}}) == exit_ok);
    struct stat status {};
    REQUIRE(stat(file.c_str(), &status) == 0);
    CHECK((status.st_mode & 0777U) == 0600U);
    const std::string text = read_file(file, 65536);
    CHECK(text.find(secret) == std::string::npos);
    CHECK(text.find("said-by-a-fact") == std::string::npos);
    const MachineFacts carried = read_facts_file(file);
    CHECK(carried.facts.at("role") == "web");
    CHECK(carried.facts.at("cloud").at("tags").at("Name") == "web-1");
    CHECK(carried.order.size() == 1);
    CHECK(output.text().find("6 facts of run 7") != std::string::npos);
}

TEST_CASE("a machine that has not run has no facts to carry away") {
    const FakeSystem fake;
    CHECK(error_of([&] {
              return run_command(fake.system, "capture", {{"--facts", fake.root.path("/facts.json")}});
          }).code == "capture.no_facts");
    CHECK_THROWS_AS(run_command(fake.system, "capture", {}), UsageError);
}
