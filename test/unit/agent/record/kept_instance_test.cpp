#include "agent/record/kept_instance.hpp"

#include "test/fakes/fake_system.hpp"

#include <catch2/catch_test_macros.hpp>

#include <sys/stat.h>

using namespace bootwright;

namespace {

InstanceMetadata an_instance() {
    return {.platform = "ec2",
            .instance_id = "i-1",
            .hostname = "web-1",
            .region = "eu-west-1",
            .zone = "eu-west-1a",
            .instance_type = "t3.small",
            .image_id = "ami-1",
            .account = "123456789012",
            .tags = {{"Name", "web"}, {"word", ""}},
            .addresses = {"10.0.0.1", "fd00::1"},
            .user_data = std::string("\x1f\x8b\0\xff", 4),
            .user_data_origin = "user-data"};
}

/// A machine with a firmware that names it, which has kept `an_instance`.
struct World {
    FakeSystem fake{};
    World() {
        fake.root.write("/sys/class/dmi/id/product_uuid", "ec2a1b2c-0000-4000-8000-000000000001\n");
        fake.root.make_folder("/var/lib/bootwright");
        keep_instance(fake.system, an_instance());
    }
    [[nodiscard]] bool is_this_machine() const {
        return bootwright::is_this_machine(fake.system, read_kept_instance(fake.system).value());
    }
    void reboot() { fake.root.write("/proc/sys/kernel/random/boot_id", "b0071d00-0000-4000-8000-000000000002\n"); }
};

}  // namespace

TEST_CASE("what is kept of an instance is read back as it was, byte for byte, and is nobody's business") {
    const World world;
    const auto kept = read_kept_instance(world.fake.system);
    REQUIRE(kept);
    CHECK(stored_json(kept->metadata) == stored_json(an_instance()));
    CHECK(kept->metadata.user_data == an_instance().user_data);
    CHECK(kept->accepted == to_iso8601(world.fake.system.clock.now().wall));
    struct stat status {};
    REQUIRE(stat(world.fake.root.path("/var/lib/bootwright/instance.json").c_str(), &status) == 0);
    CHECK((status.st_mode & 0777U) == 0600U);
}

TEST_CASE("what is kept is no more root's than it was when it was read") {
    World world;
    InstanceMetadata instance = an_instance();
    CHECK_FALSE(read_kept_instance(world.fake.system)->metadata.user_data_is_roots);
    instance.user_data_is_roots = true;
    keep_instance(world.fake.system, instance);
    CHECK(read_kept_instance(world.fake.system)->metadata.user_data_is_roots);
    Json old = Json::parse(world.fake.root.read("/var/lib/bootwright/instance.json"));
    old["instance"].erase("user_data_is_roots");  // of a release that did not know it
    world.fake.root.write("/var/lib/bootwright/instance.json", to_text(old));
    CHECK_FALSE(read_kept_instance(world.fake.system)->metadata.user_data_is_roots);
}

TEST_CASE("an instance without user-data is kept as such, and one with empty user-data as such") {
    World world;
    InstanceMetadata instance = an_instance();
    instance.user_data.reset();
    keep_instance(world.fake.system, instance);
    CHECK(read_kept_instance(world.fake.system).value().metadata.user_data == std::nullopt);
    instance.user_data = "";
    keep_instance(world.fake.system, instance);
    CHECK(read_kept_instance(world.fake.system).value().metadata.user_data == "");
}

TEST_CASE("what is kept and cannot be understood is not kept") {
    World world;
    for (const char* text :
         {"", "{", "[]", "{}", R"({"instance": 5})", R"({"instance": {"platform": "ec2", "id": ""}})",
          R"({"instance": {"platform": "ec2", "id": "i-1"}})",
          R"({"instance": {"platform": "ec2", "id": "i-1", "tags": 1, "addresses": [], "user_data": null}})",
          R"({"instance": {"platform": "ec2", "id": "i-1", "tags": {}, "addresses": [], "user_data": "%"}})"}) {
        CAPTURE(text);
        world.fake.root.write("/var/lib/bootwright/instance.json", text);
        CHECK_FALSE(read_kept_instance(world.fake.system));
    }
}

TEST_CASE("a machine is the one that was kept after a reboot, and a copy of its disk is not") {
    World world;
    CHECK(world.is_this_machine());
    world.reboot();
    CHECK(world.is_this_machine());
    world.fake.root.write("/sys/class/dmi/id/product_uuid", "ec2a1b2c-0000-4000-8000-000000000002\n");
    CHECK_FALSE(world.is_this_machine());
}

TEST_CASE("a machine that the firmware does not name is known only until it reboots") {
    World world;
    world.fake.root.remove("/sys/class/dmi/id/product_uuid");
    keep_instance(world.fake.system, an_instance());
    CHECK(world.is_this_machine());
    world.reboot();
    CHECK_FALSE(world.is_this_machine());
}

TEST_CASE("a container shares boot and firmware with others, so neither says who it is") {
    World world;
    world.fake.root.write("/run/systemd/container", "lxc\n");
    CHECK_FALSE(world.is_this_machine());
}

TEST_CASE("what belongs to another instance is forgotten, and what is proven by hashes stays") {
    World world;
    for (const char* file :
         {"last_good.json", "bad_revisions.json", "applying.json", "puppet/var/state/x", "runs/000001/report.json"}) {
        world.fake.root.write(std::string("/var/lib/bootwright/") + file, "x");
    }
    world.fake.root.write("/var/lib/bootwright/checkout/0123/x", "x");
    forget_kept_instance(world.fake.system);
    for (const char* gone :
         {"last_good.json", "bad_revisions.json", "applying.json", "puppet", "runs", "instance.json"}) {
        CAPTURE(gone);
        CHECK_FALSE(world.fake.root.exists(std::string("/var/lib/bootwright/") + gone));
    }
    CHECK(world.fake.root.exists("/var/lib/bootwright/checkout/0123/x"));
    forget_kept_instance(world.fake.system);  // what is not there is no error
}

TEST_CASE("what is larger than anything the agent writes is not kept") {
    const World world;
    const std::string kept = world.fake.root.read("/var/lib/bootwright/instance.json");
    const std::size_t largest = std::size_t{8} << 20U;
    world.fake.root.write("/var/lib/bootwright/instance.json", std::string(largest - kept.size(), ' ') + kept);
    CHECK(read_kept_instance(world.fake.system));
    world.fake.root.write("/var/lib/bootwright/instance.json", std::string(largest + 2 - kept.size(), ' ') + kept);
    CHECK_FALSE(read_kept_instance(world.fake.system));
}

TEST_CASE("each value by which the firmware names a machine counts, and each sign of a container") {
    for (const char* file :
         {"/sys/class/dmi/id/product_serial", "/sys/class/dmi/id/board_asset_tag", "/sys/hypervisor/uuid"}) {
        CAPTURE(file);
        World world;
        world.reboot();
        CHECK(world.is_this_machine());
        world.fake.root.write(file, "another\n");
        CHECK_FALSE(world.is_this_machine());
    }
    for (const char* sign : {"/run/host/container-manager", "/run/.containerenv"}) {
        CAPTURE(sign);
        World world;
        world.fake.root.write(sign, "");
        CHECK_FALSE(world.is_this_machine());
    }
}

TEST_CASE("a boot id that is not known says nothing") {
    World world;
    world.fake.root.remove("/sys/class/dmi/id/product_uuid");
    world.fake.root.remove("/proc/sys/kernel/random/boot_id");
    keep_instance(world.fake.system, an_instance());
    CHECK_FALSE(world.is_this_machine());
}
