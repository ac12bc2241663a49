// Which credential goes along, where from, and where it may be read.

#include "agent/repository/sources/downloader.hpp"

#include "agent/servers/credentials.hpp"
#include "common/base/error.hpp"
#include "common/sandbox/user.hpp"
#include "test/fakes/downloader_world.hpp"
#include "test/fakes/errors.hpp"
#include "test/fakes/fake_system.hpp"
#include "test/fakes/fetch_world.hpp"
#include "test/fakes/fixtures.hpp"
#include "test/fakes/git_program.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <functional>
#include <vector>

using namespace bootwright;
using namespace bootwright::downloader_tests;
namespace fs = std::filesystem;

namespace {

constexpr const char* ssh_url = "ssh://git@git.example.com/puppet.git";

ReadyCredential password_for(const std::string& host, const std::string& password) {
    return {.credential = {.host = host, .user = "u", .password = SecretSource{"file", "/token"}},
            .password = password};
}

}  // namespace

TEST_CASE("the first credential of the host counts, and no other") {
    World world;
    world.request.credentials = {password_for("other.example.com", "wrong"), password_for("git.example.com", "right"),
                                 password_for("git.example.com", "second")};
    world.fetch();
    CHECK(world.asked().user == "u");
    CHECK(world.asked().password == "right");
    CHECK(world.asked().ssh_key.empty());
    CHECK(world.asked().known_hosts.empty());
}

TEST_CASE("without a credential of the host none is sent") {
    World world;
    world.request.credentials = {password_for("other.example.com", "wrong"),
                                 password_for("git.example.com:8443", "wrong")};
    world.request.credentials[0].problem = permanent_error("repository.credential_missing", "x", "y");
    world.fetch();
    CHECK(world.asked().user.empty());
    CHECK(world.asked().password.empty());
}

TEST_CASE("a credential is never sent over http") {
    World world("http://git.example.com/puppet.git");
    world.request.credentials = {password_for("git.example.com", "hunter2")};
    const Error error = world.failure();
    CHECK(error.code == "repository.credential_exposed");
    CHECK(error.kind == ErrorKind::permanent);
    CHECK(error.message.find("hunter2") == std::string::npos);
    CHECK(world.downloads.requests.empty());
}

TEST_CASE("a credential that could not be read is the place's error, and the next place is asked") {
    World world;
    world.request.credentials = {password_for("git.example.com", "")};
    world.request.credentials[0].problem = permanent_error("repository.credential_missing", "there is no /token", "x");
    CHECK(world.failure().code == "repository.credential_missing");
    world.set_places({https_url, "https://open.example.com/puppet.git"});
    world.downloads.serve("https://open.example.com/puppet.git", git_server(world.root.path() / "server"));
    CHECK_NOTHROW(world.fetch());
}

TEST_CASE("each file of this machine that holds a secret is read only where nobody else may read it") {
    FakeSystem fake;
    struct Row {
        const char* key;  // of agent.json, or of the role config
        const char* code;
        std::function<void(const fs::path& file)> read;
    };
    const auto fetches = [](const std::string& url, fs::path AgentConfig::Repository::*setting) {
        return [=](const fs::path& file) {
            World world(url);
            world.root.write("/known_hosts", "x");
            world.request.settings.*setting = file;
            world.fetch();
        };
    };
    const auto source = [&](const fs::path& file) {
        read_local_secret(fake.system, {"file", "/" + file.filename().string()});
    };
    const std::vector<Row> rows{
        {"repository.ssh_key", "repository.ssh_key_exposed", fetches(ssh_url, &AgentConfig::Repository::ssh_key)},
        {"repository.client_key", "repository.credential_exposed",
         fetches(https_url, &AgentConfig::Repository::client_key)},
        {"repository.credentials[].from.file, .ssh_key_from.file; announce.webhook.token_from.file",
         "repository.credential_exposed", source},
        {"s3.keys_file", "repository.credential_exposed",
         [&](const fs::path& file) { read_s3_keys(fake.system, "/" + file.filename().string()); }},
    };
    for (const Row& row : rows) {
        CAPTURE(row.key);
        fake.root.write("/secret", R"({"access_key": "a", "secret_key": "b"})", 0600);
        const fs::path file = fake.root.path("/secret");
        CHECK_NOTHROW(row.read(file));
        for (const mode_t mode : {0640U, 0604U, 0620U, 0602U}) {
            REQUIRE(chmod(file.c_str(), mode) == 0);
            const Error error = error_of([&] { return row.read(file), 0; });
            CHECK(error.code == row.code);
            CHECK(error.kind == ErrorKind::permanent);
        }
        if (geteuid() == 0) {
            REQUIRE(chmod(file.c_str(), 0600) == 0);
            REQUIRE(chown(file.c_str(), nobody.uid, nobody.gid) == 0);
            CHECK(error_of([&] { return row.read(file), 0; }).code == row.code);
        }
        fs::remove(file);
    }
}

TEST_CASE("ssh needs a key that is private, and known hosts") {
    World world(ssh_url);
    CHECK(world.failure().code == "repository.no_ssh_key");
    world.root.write("/ssh_key", "the key", 0640);
    CHECK(world.failure().code == "repository.ssh_key_exposed");
    world.root.write("/ssh_key", "the key", 0600);
    const Error error = world.failure();
    CHECK(error.code == "repository.no_known_hosts");
    CHECK(error.kind == ErrorKind::permanent);
    CHECK(world.downloads.requests.empty());
    world.root.write("/known_hosts", "git.example.com ssh-ed25519 AAAA\n");
    world.fetch();
    CHECK(world.asked().ssh_key == "the key\n");  // ssh reads no key without a line's end
    CHECK(world.asked().known_hosts == "git.example.com ssh-ed25519 AAAA\n");
    CHECK(world.asked().password.empty());
}

TEST_CASE("a host's own ssh key is offered instead of the image's") {
    World world(ssh_url);
    world.root.write("/known_hosts", "x");
    world.request.credentials = {
        {.credential = {.host = "git.example.com", .ssh_key = SecretSource{"file", "/key"}}, .ssh_key = "its own\n"}};
    world.fetch();
    CHECK(world.asked().ssh_key == "its own\n");
}

TEST_CASE("a secret of a store is asked for by the program, with the instance's identity, and then used") {
    World world;
    constexpr const char* store_url = "https://vpce.example.com/";
    world.request.secrets_endpoint = "https://vpce.example.com";
    world.request.secrets_identity =
        CloudIdentity{.access_key = "AKIA", .secret_key = "identity-secret", .region = "eu-west-1"};
    world.request.credentials = {
        {.credential = {.host = "git.example.com", .user = "u", .password = SecretSource{"aws_secret", "git/token"}}}};
    const Json recorded = Json::parse(fixture("secret_stores/aws_secret.json")).at(0);
    world.downloads.serve(store_url, answers(200, recorded.at("body").dump()));
    world.fetch();
    CHECK(world.downloads.asked() == std::vector<std::string>{store_url, https_url});
    const DownloadRequest& secret = world.downloads.requests.front();
    CHECK(secret.kind == DownloadRequest::Kind::answer);
    REQUIRE(secret.web.signature);
    CHECK(secret.web.signature->service == "secretsmanager");
    CHECK(secret.web.signature->secret_key == "identity-secret");
    CHECK(secret.password.empty());
    CHECK(world.asked().password == "hunter2");
}

TEST_CASE("a secret that the store does not give is the place's error, and shows nothing of the answer") {
    struct Row {
        int status;
        const char* body;
        const char* code;
    };
    const Row row = GENERATE(values<Row>({
        {400, R"({"__type": "ResourceNotFoundException", "message": "hunter2"})", "repository.secret_not_found"},
        {400, R"({"__type": "AccessDeniedException", "message": "hunter2"})", "repository.secret_denied"},
        {503, "hunter2", "repository.secret_unavailable"},
        {200, "hunter2", "repository.secret_unavailable"},
    }));
    World world;
    world.request.secrets_endpoint = "https://vpce.example.com";
    world.request.secrets_identity = CloudIdentity{.access_key = "A", .secret_key = "S", .region = "eu-west-1"};
    world.request.credentials = {
        {.credential = {.host = "git.example.com", .password = SecretSource{"aws_secret", "git/token"}}}};
    world.downloads.serve("https://vpce.example.com/", answers(row.status, row.body));
    const Error error = world.failure();
    CHECK(error.code == row.code);
    CHECK((error.message + error.advice).find("hunter2") == std::string::npos);
    CHECK(world.downloads.requests.size() == 1);
}

TEST_CASE("a snapshot's credential is that of its host, and its name hides no secret") {
    World world("https://cdn.example.com/{revision}.bundle");
    world.request.credentials = {password_for("cdn.example.com", "hunter2")};
    world.downloads.serve("https://cdn.example.com/" + world.request.revision + ".bundle",
                          snapshot_server(world.root.path() / "server", {{world.request.revision, "refs/x"}}));
    world.fetch();
    CHECK(world.asked().kind == DownloadRequest::Kind::snapshot);
    CHECK(world.asked().web.user == "u");
    CHECK(world.asked().web.password == "hunter2");
    CHECK(world.asked().file.find("hunter2") == std::string::npos);
}
