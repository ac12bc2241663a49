#include "agent/platform/platform.hpp"

#include "agent/platform/detection.hpp"
#include "test/fakes/errors.hpp"
#include "test/fakes/fake_system.hpp"

#include <catch2/catch_test_macros.hpp>

#include <filesystem>

using namespace bootwright;

namespace {

struct World {
    FakeSystem fake{};
    AgentConfig config{};
    World() { config.platform = "file"; }
    InstanceMetadata read() { return read_instance(find_platform(fake.system, config, {}), fake.system, config, {}); }
};

}  // namespace

TEST_CASE("a file of the image is the role config") {
    World world;
    world.fake.root.write("/etc/bootwright/role.json", "{\"role\": \"web\"}\n");
    const InstanceMetadata metadata = world.read();
    CHECK(metadata.platform == "file");
    CHECK(metadata.instance_id == "0123456789abcdef0123456789abcdef");
    CHECK(metadata.hostname == "web-1");
    CHECK(metadata.user_data == "{\"role\": \"web\"}\n");
    CHECK(metadata.user_data_origin == "/etc/bootwright/role.json");
}

TEST_CASE("configuration names another file") {
    World world;
    world.config.role_file = "/srv/role.json";
    world.fake.root.write("/srv/role.json", "{}");
    CHECK(world.read().user_data == "{}");
    CHECK(world.read().user_data_origin == "/srv/role.json");
    world.config.platform = "auto";
    CHECK(find_platform(world.fake.system, world.config, {}).platform->name() == "file");
}

TEST_CASE("a file that is not there is proven absent, and one that cannot be read is not") {
    World world;
    CHECK(world.read().user_data == std::nullopt);
    world.fake.root.make_folder("/etc/bootwright/role.json");
    CHECK(error_of([&] { return world.read(); }).code == "io.failed");
}

TEST_CASE("it is root's word where root alone can write it") {
    World world;
    world.fake.root.write("/etc/bootwright/role.json", "{}");
    CHECK(world.read().user_data_is_roots);
    std::filesystem::permissions(world.fake.root.path("/etc/bootwright"), std::filesystem::perms::others_write,
                                 std::filesystem::perm_options::add);
    CHECK_FALSE(world.read().user_data_is_roots);
}
