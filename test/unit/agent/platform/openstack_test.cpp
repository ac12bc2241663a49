#include "test/fakes/platform_world.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;
using namespace std::chrono_literals;

namespace {

constexpr const char* document = "GET /openstack/latest/meta_data.json";
constexpr const char* user_data = "GET /openstack/latest/user_data";

}  // namespace

TEST_CASE("an OpenStack instance without user-data has none") {
    PlatformWorld world("openstack/root");
    world.fake.http.answer_status(user_data, 404);
    CHECK(world.read().user_data == std::nullopt);
}

TEST_CASE("where there is no IPv4, OpenStack's service is asked at its link-local address on each interface") {
    PlatformWorld world("openstack/root");
    for (const char* name : {"lo", "eth0", "eth1", "a b"}) {
        world.fake.root.make_folder(std::string("/sys/class/net/") + name);
    }
    world.fake.http.answer(document, {transient_error("http.unreachable", "no route to host", "wait")});
    const std::string base = "GET http://[fe80::a9fe:a9fe%25eth1]";
    world.fake.http.answer(base + "/openstack/latest/meta_data.json", R"({"uuid": "u-1"})");
    for (const char* name : {"instance-type", "local-ipv4", "public-ipv4"}) {
        world.fake.http.answer_status(base + "/latest/meta-data/" + name, 404);
    }
    world.fake.http.answer(base + "/openstack/latest/user_data", "text");
    const InstanceMetadata metadata = world.read();
    CHECK(metadata.instance_id == "u-1");
    CHECK(metadata.user_data == "text");
    CHECK(world.fake.http.asked() ==
          std::vector<std::string>{document, "GET http://[fe80::a9fe:a9fe%25eth0]/openstack/latest/meta_data.json",
                                   base + "/openstack/latest/meta_data.json", base + "/latest/meta-data/instance-type",
                                   base + "/latest/meta-data/local-ipv4", base + "/latest/meta-data/public-ipv4",
                                   base + "/openstack/latest/user_data"});
}

TEST_CASE("the wish of a busy OpenStack for the next try is kept") {
    PlatformWorld world("openstack/root");
    world.fake.http.answer(user_data, {HttpResponse{.status = 503, .headers = {{"retry-after", "7"}}}});
    CHECK(world.failure().retry_after == 7s);
}

TEST_CASE(
    "an OpenStack without the part that is like EC2's tells neither type nor addresses, and one that is ill is asked "
    "again") {
    PlatformWorld world("openstack/root");
    for (const char* name : {"instance-type", "local-ipv4", "public-ipv4"}) {
        world.fake.http.answer_status(std::string("GET /latest/meta-data/") + name, 404);
    }
    CHECK(world.read().instance_type.empty());
    CHECK(world.read().addresses.empty());
    world.fake.http.answer_status("GET /latest/meta-data/public-ipv4", 500);
    CHECK(world.failure().code == "platform.unexpected_answer");
}
