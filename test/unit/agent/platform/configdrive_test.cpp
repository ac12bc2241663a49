#include "agent/platform/detection.hpp"
#include "test/fakes/platform_world.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;
using namespace std::chrono_literals;

namespace {

constexpr const char* document = "/dev/disk/by-label/config-2/openstack/latest/meta_data.json";
constexpr const char* user_data = "/dev/disk/by-label/config-2/openstack/latest/user_data";

struct World {
    World() { fake.root.copy(fixture_path("configdrive/root")); }
    InstanceMetadata read() { return read_instance(find_platform(fake.system, {}, {}), fake.system, {}, {}); }
    FakeSystem fake{};
};

}  // namespace

TEST_CASE("a config drive is preferred to the service of the same OpenStack") {
    World world;
    replay(world.fake, "openstack/root");
    CHECK(world.read().platform == "configdrive");
    CHECK(world.fake.http.requests.empty());
}

TEST_CASE("a config drive without user-data says that there is none, and one that looks empty says nothing") {
    World world;
    world.fake.root.remove(user_data);
    CHECK(world.read().user_data == std::nullopt);
    for (const char* text : {"", "[]", "{}", "{\"uuid\": []}"}) {
        world.fake.root.write(document, text);
        CHECK(error_of([&] { return world.read(); }).code == "platform.bad_document");
    }
    world.fake.root.remove(document);
    CHECK(error_of([&] { return world.read(); }).code == "platform.bad_document");
}

TEST_CASE("a config drive that was asked for by name and is not there may come") {
    FakeSystem fake;
    AgentConfig config;
    config.platform = "configdrive";
    const Error error =
        error_of([&] { return read_instance(find_platform(fake.system, config, {}), fake.system, config, {}); });
    CHECK(error.code == "platform.seed_missing");
    CHECK(error.kind == ErrorKind::transient);
}

TEST_CASE("the part of a config drive that is like EC2's may be missing, and is not missing if it is damaged") {
    constexpr const char* ec2 = "/dev/disk/by-label/config-2/ec2/latest/meta-data.json";
    World world;
    CHECK(world.read().instance_type == "m1.small");
    world.fake.root.write(ec2, R"({"public-ipv4": "", "instance-type": 7})");
    CHECK(world.read().addresses.empty());
    for (const char* text : {"", "[]", "{"}) {
        world.fake.root.write(ec2, text);
        const Error error = error_of([&] { return world.read(); });
        CHECK(error.code == "platform.bad_document");
        CHECK(error.kind == ErrorKind::transient);
        CHECK(error.message.find("ec2/latest/meta-data.json") != std::string::npos);
    }
    world.fake.root.remove(ec2);
    CHECK(world.read().instance_type.empty());
}

TEST_CASE("KubeVirt's config drive tells the type itself, and its id may have the name of cloud-init's") {
    World world;
    world.fake.root.write(document, R"({"uuid": "u-1", "instance_id": "web-1.default", "instance_type": "u1.small"})");
    CHECK(world.read().instance_id == "u-1");
    CHECK(world.read().instance_type == "u1.small");
    world.fake.root.write(document, R"({"instance_id": "web-1.default", "hostname": "web-1"})");
    CHECK(world.read().instance_id == "web-1.default");
}
