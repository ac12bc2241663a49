#include "agent/servers/credentials.hpp"

#include "common/files/file.hpp"
#include "test/fakes/errors.hpp"
#include "test/fakes/fake_system.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <algorithm>

using namespace bootwright;

namespace {

constexpr const char* path = "/etc/bootwright/token";

struct World {
    FakeSystem fake{};

    World() { fake.system.environment["CREDENTIALS_DIRECTORY"] = "/run/credentials/bootwright.service"; }
    void write(const char* where, const std::string& content, mode_t mode = 0600) const {
        make_folder(fake.root.path(where).parent_path(), 0755);
        write_file(fake.root.path(where), content, mode);
    }
    std::optional<std::string> read(const char* kind, const char* name) {
        return read_local_secret(fake.system, {kind, name});
    }
    Error failure(const char* kind, const char* name) {
        return error_of([&] { return read(kind, name); });
    }
};

/// The host of the first credential that is for the URL.
std::string host_for(const std::string& url) {
    const std::vector<Credential> credentials{
        {.host = "git.example.com:8443"}, {.host = "git.example.com"}, {.host = "tls.example.com:443"},
        {.host = "ssh.example.com:22"},   {.host = "[fd00::1]"},       {.host = "[fd00::2]:8443"}};
    const auto found = std::find_if(credentials.begin(), credentials.end(),
                                    [&](const Credential& credential) { return is_for_url(credential, url); });
    return found == credentials.end() ? "none" : found->host;
}

}  // namespace

TEST_CASE("a credential is for one host, and for one port where it names one") {
    struct Row {
        const char* url;
        const char* host;
    };
    const Row row = GENERATE(values<Row>({
        {"https://git.example.com/a.git", "git.example.com"},
        {"https://GIT.example.com/a.git", "git.example.com"},
        {"https://git.example.com:8443/a.git", "git.example.com:8443"},
        {"https://git.example.com:9443/a.git", "git.example.com"},
        {"https://git.example.com", "git.example.com"},
        {"https://git.example.com?x", "git.example.com"},
        {"https://user:pass@git.example.com/a.git", "git.example.com"},
        {"ssh://git@git.example.com/a.git", "git.example.com"},
        {"https://tls.example.com/a", "tls.example.com:443"},
        {"https://tls.example.com:443/a", "tls.example.com:443"},
        {"http://tls.example.com/a", "none"},
        {"ssh://git@ssh.example.com/a", "ssh.example.com:22"},
        {"ssh://git@ssh.example.com:2222/a", "none"},
        {"https://[fd00::1]/a", "[fd00::1]"},
        {"https://[fd00::1]:8443/a", "[fd00::1]"},
        {"https://[fd00::2]:8443/a", "[fd00::2]:8443"},
        {"https://[fd00::2]/a", "none"},
        {"https://example.com/a", "none"},
        {"https://evil-git.example.com/a", "none"},
        {"https://git.example.com.evil.org/a", "none"},
        {"https://git.example.com@evil.org/a", "none"},
        {"file:///srv/a.git", "none"},
        {"", "none"},
    }));
    CAPTURE(row.url);
    CHECK(host_for(row.url) == row.host);
}

TEST_CASE("a secret in a file is read without its line's end") {
    World world;
    world.write(path, "hunter2 \n");
    CHECK(world.read("file", path) == "hunter2 ");
}

TEST_CASE("a secret that others may read or write is not used, and the way out is told") {
    for (const mode_t mode : {0640U, 0604U, 0620U, 0602U, 0644U, 0610U}) {
        CAPTURE(mode);
        World world;
        world.write(path, "hunter2", mode);
        const Error error = world.failure("file", path);
        CHECK(error.code == "repository.credential_exposed");
        CHECK(error.kind == ErrorKind::permanent);
        CHECK(error.advice.find("chmod 600") != std::string::npos);
        CHECK(error.message.find("hunter2") == std::string::npos);
    }
    World world;
    world.write(path, "hunter2", 0400);
    CHECK(world.read("file", path) == "hunter2");
}

TEST_CASE("a secret that is not there, or empty, is missing") {
    World world;
    const auto check_missing = [](const Error& error) {
        CHECK(error.code == "repository.credential_missing");
        CHECK(error.kind == ErrorKind::permanent);
    };
    check_missing(world.failure("file", path));
    world.write(path, "\n");
    check_missing(world.failure("file", path));
    world.write(path, std::string(65537, 'x'));
    CHECK(world.failure("file", path).code == "io.too_large");
    check_missing(world.failure("credential", "git.token"));
    world.fake.system.environment.clear();
    const Error error = world.failure("credential", "git.token");
    check_missing(error);
    CHECK(error.advice.find("LoadCredential=git.token") != std::string::npos);
}

TEST_CASE("a systemd credential is read, whose mode is the service manager's affair") {
    World world;
    world.write("/run/credentials/bootwright.service/git.token", "hunter2\n", 0440);
    CHECK(world.read("credential", "git.token") == "hunter2");
}

TEST_CASE("what is in a secret store is not on this machine") {
    World world;
    CHECK(world.read("aws_secret", "git/token") == std::nullopt);
}

TEST_CASE("keys for an object store come from a file that nobody else can read") {
    World world;
    CHECK(read_s3_keys(world.fake.system, "") == std::nullopt);
    world.write(path, R"({"access_key": "KEY", "secret_key": "hunter2"})");
    const auto keys = read_s3_keys(world.fake.system, path);
    REQUIRE(keys);
    CHECK(keys->access_key == "KEY");
    CHECK(keys->secret_key == "hunter2");
    CHECK(keys->session_token.empty());
    world.write(path, R"({"access_key": "KEY", "secret_key": "hunter2"})", 0644);
    CHECK(error_of([&] { return read_s3_keys(world.fake.system, path); }).code == "repository.credential_exposed");
}

TEST_CASE("keys for an object store that lack something are named by file and key, and not shown") {
    const std::string text = GENERATE(values<std::string>({
        "",
        "hunter2",
        "[]",
        "{}",
        R"({"secret_key": "hunter2"})",
        R"({"access_key": "KEY"})",
        R"({"access_key": "", "secret_key": "hunter2"})",
        R"({"access_key": 7, "secret_key": "hunter2"})",
        R"({"access_key": "KEY", "secret_key": "hunter2", "token": "hunter2"})",
    }));
    CAPTURE(text);
    World world;
    world.write(path, text);
    const Error error = error_of([&] { return read_s3_keys(world.fake.system, path); });
    CHECK(error.code == "config.invalid");
    CHECK(error.message.find(path) != std::string::npos);
    CHECK(error.message.find("hunter2") == std::string::npos);
}
