#include "agent/platform/platform.hpp"

#include "agent/platform/detection.hpp"
#include "common/files/file.hpp"
#include "test/fakes/errors.hpp"
#include "test/fakes/fake_system.hpp"
#include "test/fakes/fixtures.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;

namespace {

struct World {
    FakeSystem fake{};
    AgentConfig config{};
    World() {
        fake.root.copy(fixture_path("credential/root"));
        fake.system.environment["CREDENTIALS_DIRECTORY"] = "/run/credentials/bootwright.service";
        config.platform = "credential";
    }
    InstanceMetadata read() { return read_instance(find_platform(fake.system, config, {}), fake.system, config, {}); }
};

}  // namespace

TEST_CASE("a systemd credential is the role config, and the machine-id the identity") {
    World world;
    const InstanceMetadata metadata = world.read();
    CHECK(metadata.platform == "credential");
    CHECK(metadata.instance_id == "0123456789abcdef0123456789abcdef");
    CHECK(metadata.hostname == "web-1");
    CHECK(metadata.user_data == "{\"role\": \"web\"}\n");
    CHECK(metadata.user_data_origin == "credential bootwright.role_config");
    CHECK(metadata.user_data_is_roots);
}

TEST_CASE("a credential that was not given is proven absent") {
    World world;
    world.fake.root.remove("/run/credentials/bootwright.service/bootwright.role_config");
    CHECK(world.read().user_data == std::nullopt);
    world.fake.system.environment.clear();
    CHECK(world.read().user_data == std::nullopt);
}

TEST_CASE("a command that an operator calls sees the credential of the service") {
    World world;
    world.fake.system.environment.clear();
    world.config.platform = "auto";
    CHECK(world.read().user_data == "{\"role\": \"web\"}\n");
    world.fake.system.environment["CREDENTIALS_DIRECTORY"] = "/run/credentials/other.service";
    CHECK(error_of([&] { return world.read(); }).code == "platform.not_recognised");
}

TEST_CASE("a credential that cannot be read, or is too large, is an error") {
    World world;
    world.fake.root.write("/run/credentials/bootwright.service/bootwright.role_config", std::string(1100000, 'x'));
    CHECK(error_of([&] { return world.read(); }).code == "io.too_large");
    world.fake.root.remove("/run/credentials/bootwright.service/bootwright.role_config");
    world.fake.root.make_folder("/run/credentials/bootwright.service/bootwright.role_config");
    CHECK(error_of([&] { return world.read(); }).code == "io.failed");
}

TEST_CASE("without a machine-id there is no identity yet") {
    World world;
    world.fake.root.remove("/etc/machine-id");
    CHECK(error_of([&] { return world.read(); }).code == "platform.no_identity");
}

TEST_CASE("no credentials at all are no credential") {
    FakeSystem fake;
    for (const Platform* platform : platforms()) {
        if (platform->name() == "credential") {
            CHECK_FALSE(platform->detect(fake.system, {}).at(0).matched);
            fake.system.environment["CREDENTIALS_DIRECTORY"] = "";
            CHECK_FALSE(platform->detect(fake.system, {}).at(0).matched);
        }
    }
}
