#include "test/fakes/platform_world.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

using namespace bootwright;
using namespace std::chrono_literals;

TEST_CASE("LXD is asked over its socket, newer key first, and its older key counts where there is no newer one") {
    PlatformWorld world("lxd/root");
    world.read();
    for (const HttpRequest& request : world.fake.http.requests) {
        CHECK(request.unix_socket == world.fake.root.path("/dev/lxd/sock"));
    }
    world.fake.http.answer_status("GET /1.0/config/cloud-init.user-data", 404);
    world.fake.http.answer("GET /1.0/config/user.user-data", "older");
    CHECK(world.read().user_data == "older");
    world.fake.http.answer_status("GET /1.0/config/user.user-data", 404);
    CHECK(world.read().user_data == std::nullopt);
    world.fake.http.answer_status("GET /1.0/config/cloud-init.user-data", 500);
    CHECK(world.failure().code == "platform.unexpected_answer");
}

TEST_CASE("of LXD's keys only those for bootwright are read") {
    PlatformWorld world("lxd/root");
    world.read();
    for (const std::string& key : world.fake.http.asked()) {
        CHECK(key.find("password") == std::string::npos);
    }
}

TEST_CASE("a container of LXD on a cloud's machine is LXD's, whatever the firmware says") {
    PlatformWorld world("lxd/root");
    world.fake.root.copy(fixture_path("ec2/root-nitro"));
    CHECK(world.platform().name() == "lxd");
}

TEST_CASE("LXD's errors are tried again fast") {
    PlatformWorld world("lxd/root");
    CHECK(world.platform().retry_policy().base < AgentConfig::Retry::usual_platform.base);
}

TEST_CASE("Incus is asked over its own socket") {
    PlatformWorld world("lxd/root");
    world.fake.root.remove("/dev/lxd");
    world.fake.root.write("/dev/incus/sock", "");
    CHECK(world.read().platform == "lxd");
    for (const HttpRequest& request : world.fake.http.requests) {
        CHECK(request.unix_socket == world.fake.root.path("/dev/incus/sock"));
    }
}

TEST_CASE("a virtual machine of LXD or Incus waits for the socket that its agent makes") {
    const char* root = GENERATE("lxd/root-vm-before-agent-lxd", "lxd/root-vm-before-agent-lxd-of-linuxcontainers",
                                "lxd/root-vm-before-agent-incus");
    PlatformWorld world("lxd/root");
    world.fake.root.remove("/dev/lxd");
    world.fake.root.copy(fixture_path(root));
    CHECK(world.platform().name() == "lxd");
    const Error error = world.failure();
    CHECK(error.code == "platform.socket_missing");
    CHECK(error.kind == ErrorKind::transient);
    CHECK(world.fake.http.requests.empty());
    world.fake.root.write("/dev/incus/sock", "");
    CHECK(world.read().hostname == "web-1");
}

TEST_CASE("a list of keys that is cut off is unknown, and never no tags") {
    PlatformWorld world("lxd/root");
    for (const char* body : {"[\"/1.0/config/user.bootw", "", "{}", "null"}) {
        CAPTURE(body);
        world.fake.http.answer("GET /1.0/config", body);
        CHECK(world.failure().code == "platform.bad_document");
    }
    world.fake.http.answer_status("GET /1.0/config", 404);
    CHECK(world.read().tags.empty());
}

TEST_CASE("what the host's template wrote when it made the guest is older than what the socket says") {
    PlatformWorld world("lxd/root");
    world.fake.root.write("/var/lib/cloud/seed/nocloud-net/meta-data", "instance-id: web-1\n");
    world.fake.root.write("/var/lib/cloud/seed/nocloud-net/user-data", "as it was");
    CHECK(world.platform().name() == "lxd");
    world.fake.http.answer("GET /1.0/config/cloud-init.user-data", "as it is");
    CHECK(world.read().user_data == "as it is");
    world.fake.root.write("/var/lib/cloud/seed/nocloud/user-data", "given to the image");
    CHECK(world.read().user_data == "given to the image");
}
