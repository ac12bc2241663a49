#include "agent/puppet/eyaml_keys.hpp"

#include "test/fakes/errors.hpp"
#include "test/fakes/fake_system.hpp"

#include <catch2/catch_test_macros.hpp>

#include <sys/stat.h>

#include <filesystem>

using namespace bootwright;
namespace fs = std::filesystem;

namespace {

constexpr const char* folder = "/run/bootwright/eyaml";

struct World {
    FakeSystem fake{};
    AgentConfig config{};

    World() {
        fake.root.write("/etc/keys/private", "PRIVATE\n", 0600);
        fake.root.write("/etc/keys/public", "PUBLIC\n", 0644);
        config.puppet.eyaml = {SecretSource{"file", "/etc/keys/private"}, SecretSource{"file", "/etc/keys/public"}, {}};
    }
    [[nodiscard]] EyamlKeys keys() const {
        return EyamlKeys(fake.system, config, [](CloudService) { return std::nullopt; }, {});
    }
    [[nodiscard]] bool has_keys() const { return fs::exists(fake.root.path(folder)); }
};

unsigned mode_of(const fs::path& path) {
    struct stat status {};
    REQUIRE(stat(path.c_str(), &status) == 0);
    return status.st_mode & 07777U;
}

}  // namespace

TEST_CASE("keys of hiera-eyaml are root's alone while Puppet runs, and then gone") {
    World world;
    {
        const EyamlKeys keys = world.keys();
        const std::string file = keys.options().at("pkcs7_private_key");
        CHECK(file == world.fake.root.path(std::string(folder) + "/pkcs7_private_key"));
        CHECK(world.fake.root.read(std::string(folder) + "/pkcs7_private_key") == "PRIVATE\n");
        CHECK(world.fake.root.read(std::string(folder) + "/pkcs7_public_key") == "PUBLIC\n\n");
        CHECK(mode_of(file) == 0400);
        CHECK(mode_of(world.fake.root.path(folder)) == 0700);
    }
    CHECK_FALSE(world.has_keys());
}

TEST_CASE("without keys hiera-eyaml goes by hiera.yaml") {
    World world;
    world.config.puppet.eyaml = {};
    CHECK(world.keys().options().empty());
    CHECK_FALSE(world.has_keys());
}

TEST_CASE("keys that were left to a Puppet, or by a killed agent, go before the next run") {
    World world;
    world.keys().leave();
    CHECK(world.has_keys());
    remove_eyaml_keys(world.fake.system);
    CHECK_FALSE(world.has_keys());
}

TEST_CASE("a key that others may read, or that is not there, is not handed over") {
    World world;
    world.fake.root.write("/etc/keys/open", "PRIVATE\n", 0640);
    fs::create_symlink("open", world.fake.root.path("/etc/keys/link"));
    for (const auto& [name, code] : {std::pair("/etc/keys/open", "puppet.eyaml_key_exposed"),
                                     std::pair("/etc/keys/link", "puppet.eyaml_key_exposed"),
                                     std::pair("/etc/keys/none", "puppet.eyaml_key_missing")}) {
        CAPTURE(name);
        world.config.puppet.eyaml.private_key = SecretSource{"file", name};
        CHECK(error_of([&] { return world.keys().options(); }).code == code);
        CHECK_FALSE(world.has_keys());
    }
    world.config.puppet.eyaml.private_key = SecretSource{"credential", "eyaml"};
    CHECK(error_of([&] { return world.keys().options(); }).code == "puppet.eyaml_key_missing");
    world.config.puppet.eyaml = {SecretSource{"file", "/etc/keys/private"}, SecretSource{"file", "/etc/keys/none"}, {}};
    CHECK(error_of([&] { return world.keys().options(); }).code == "puppet.eyaml_key_missing");
    CHECK_FALSE(world.has_keys());
}

TEST_CASE("GnuPG's folder is passed on as it is, if it is root's alone") {
    World world;
    world.config.puppet.eyaml = {{}, {}, "/etc/keys/gnupg"};
    CHECK(error_of([&] { return world.keys().options(); }).code == "puppet.eyaml_key_missing");
    world.fake.root.make_folder("/etc/keys/gnupg");
    const fs::path home = world.fake.root.path("/etc/keys/gnupg");
    fs::permissions(home, fs::perms(0750));
    CHECK(error_of([&] { return world.keys().options(); }).code == "puppet.eyaml_key_exposed");
    fs::permissions(home, fs::perms(0700));
    CHECK(world.keys().options() == Json{{"gpg_gnupghome", home.string()}});
    CHECK(fs::exists(home));
}
