#include "test/fakes/platform_world.hpp"

#include <catch2/catch_test_macros.hpp>

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
