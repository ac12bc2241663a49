#include "agent/announce/token.hpp"

#include "common/base/error.hpp"
#include "test/fakes/errors.hpp"
#include "test/fakes/fake_system.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <filesystem>

using namespace bootwright;

namespace {

/// A machine with a secret in each place that has one.
struct World {
    FakeSystem fake{};
    AgentConfig config{};

    World() {
        fake.root.write("/etc/bootwright/agent.json", R"({"s3": {"keys_file": "/etc/s3.keys"},
            "repository": {"ssh_key": "/etc/keys/ssh", "client_key": "/etc/keys/tls",
                "credentials": [{"host": "h", "user": "u", "from": {"file": "/root/git.token"}},
                                {"host": "i", "ssh_key_from": {"file": "/root/deploy.key"}},
                                {"host": "j", "user": "u", "from": {"credential": "git.key"}}]},
            "role_config": {"announce": {"webhook": {"url": "https://h/", "token_from": {"file": "/etc/hook.token"}}}}})",
                        0600);
        for (const char* place :
             {"/etc/s3.keys", "/etc/keys/ssh", "/etc/keys/tls", "/root/git.token", "/root/deploy.key",
              "/etc/hook.token", "/etc/bootwright/role.json", "/etc/bootwright/agent.d/x.json",
              "/var/lib/bootwright/instance.json", "/var/lib/bootwright/download/credential",
              "/run/bootwright/status.json", "/etc/bootwright/other.token", "/srv/own.token",
              "/run/credentials/bootwright.service/git.key", "/run/credentials/bootwright.service/hook"}) {
            const bool is_config = std::string_view(place).find("agent.d") != std::string_view::npos;
            fake.root.write(place, is_config ? "{}" : "hunter2\n", 0600);
        }
        fake.system.environment["CREDENTIALS_DIRECTORY"] = "/run/credentials/bootwright.service";
        config = read_agent_config(fake.system);
    }

    std::string read(const std::string& name, Speaker said_by, const std::string& kind = "file") const {
        return read_token(fake.system, config, {kind, name}, said_by);
    }
};

}  // namespace

TEST_CASE("no secret of the image's or of the agent's own is anybody's token but by the image's word") {
    const World world;
    const std::string place = GENERATE(values<std::string>(
        {"/etc/bootwright/agent.json", "/etc/bootwright/agent.d/x.json", "/etc/bootwright/role.json", "/etc/s3.keys",
         "/etc/keys/ssh", "/etc/keys/tls", "/root/git.token", "/root/deploy.key", "/etc/hook.token",
         "/var/lib/bootwright/instance.json", "/var/lib/bootwright/download/credential",
         "/run/bootwright/status.json"}));
    for (const Speaker speaker : {Speaker::anyone, Speaker::root, Speaker::proven}) {
        const Error error = error_of([&] { return world.read(place, speaker); });
        CAPTURE(place, to_string(speaker));
        CHECK(error.code == "announce.token_refused");
        CHECK(error.kind == ErrorKind::permanent);
        CHECK(error.message.find("hunter2") == std::string::npos);
    }
}

TEST_CASE("a way round leads to the same file") {
    const World world;
    const std::filesystem::path srv = world.fake.root.path("/srv");
    std::filesystem::create_symlink(world.fake.root.path("/root/git.token"), srv / "link");
    std::filesystem::create_directory_symlink(world.fake.root.path("/var/lib/bootwright"), srv / "folder");
    std::filesystem::create_hard_link(world.fake.root.path("/root/deploy.key"), srv / "hard");
    std::filesystem::create_hard_link(world.fake.root.path("/var/lib/bootwright/instance.json"), srv / "state");
    for (const char* place :
         {"/srv/link", "/srv/folder/instance.json", "/srv/hard", "/srv/state", "/srv/../root/git.token",
          "//root/./git.token", "/srv/folder/../bootwright/instance.json"}) {
        CAPTURE(place);
        CHECK(error_of([&] { return world.read(place, Speaker::anyone); }).code == "announce.token_refused");
    }
}

TEST_CASE("a token of its own is read, whoever names it; the image may name each") {
    const World world;
    for (const Speaker speaker : {Speaker::anyone, Speaker::root, Speaker::proven, Speaker::image}) {
        CHECK(world.read("/srv/own.token", speaker) == "hunter2");
        CHECK(world.read("/etc/bootwright/other.token", speaker) == "hunter2");
        CHECK(world.read("hook", speaker, "credential") == "hunter2");
    }
    CHECK(world.read("/root/git.token", Speaker::image) == "hunter2");
    CHECK(world.read("git.key", Speaker::image, "credential") == "hunter2");
}

TEST_CASE("a systemd credential that the image uses for something else is none") {
    const World world;
    for (const char* name : {"git.key", "bootwright.role_config"}) {
        CHECK(error_of([&] { return world.read(name, Speaker::anyone, "credential"); }).code ==
              "announce.token_refused");
    }
}

TEST_CASE("a token is one line of visible ASCII") {
    const World world;
    const std::string text =
        GENERATE(values<std::string>({"hunter2\nX-Other: 1", "hunter2\r\nX", "hunter 2", "hunter2\t", "hunt\x01r2",
                                      "hunter\xC3\xA9", "\x7fhunter2"}));
    world.fake.root.write("/srv/own.token", text, 0600);
    for (const Speaker speaker : {Speaker::anyone, Speaker::image}) {
        const Error error = error_of([&] { return world.read("/srv/own.token", speaker); });
        CHECK(error.code == "announce.bad_token");
        CHECK(error.message.find("/srv/own.token") != std::string::npos);
        CHECK(error.message.find("hunt") == std::string::npos);
    }
    CHECK(error_of([&] { check_bearer("", "it"); }).code == "announce.bad_token");
    CHECK_NOTHROW(check_bearer("!~a.b-c_d+e/f==", "it"));
}
