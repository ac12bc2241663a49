#include "test/fakes/platform_world.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;
using namespace std::chrono_literals;

TEST_CASE("Oracle's second version is asked with its header, and the first where there is no second") {
    PlatformWorld world("oracle/root");
    world.read();
    CHECK(world.header(0, "Authorization") == "Bearer Oracle");
    world.fake.http.answer_status("GET /opc/v2/instance/", 404);
    world.fake.http.answer("GET /opc/v1/instance/", R"({"id": "ocid1.instance.old"})");
    world.fake.http.answer("GET /opc/v1/vnics/", "[]");
    CHECK(world.read().instance_id == "ocid1.instance.old");
    CHECK(world.fake.http.asked().back() == "GET /opc/v1/vnics/");
}

TEST_CASE("an Oracle instance without user-data has none") {
    PlatformWorld world("oracle/root");
    change_answer(world, "oracle/root", "/opc/v2/instance/", [](Json& body) { body["metadata"].erase("user_data"); });
    CHECK(world.read().user_data == std::nullopt);
    change_answer(world, "oracle/root", "/opc/v2/instance/", [](Json& body) { body.erase("metadata"); });
    CHECK(world.read().user_data == std::nullopt);
}

TEST_CASE("each address of each of Oracle's network cards is told, and what is no text is none") {
    PlatformWorld world("oracle/root");
    world.fake.http.answer("GET /opc/v2/vnics/",
                           R"([{"privateIp": "10.0.0.1", "ipv6Addresses": ["2001:db8::1", 7, "2001:db8::2"]},
                               {"privateIp": "10.0.0.2", "ipv6Addresses": {}}, {"ipv6Addresses": ["2001:db8::1"]}, 7])");
    CHECK(world.read().addresses == std::vector<std::string>{"10.0.0.1", "2001:db8::1", "2001:db8::2", "10.0.0.2"});
}
