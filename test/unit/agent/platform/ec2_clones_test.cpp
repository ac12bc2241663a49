// Clouds that copied EC2's first metadata service.

#include "agent/platform/detection.hpp"
#include "test/fakes/errors.hpp"
#include "test/fakes/fake_system.hpp"
#include "test/fakes/fixtures.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <string>
#include <vector>

using namespace bootwright;

namespace {

constexpr const char* token_path = "PUT /latest/api/token";
constexpr const char* identity_path = "GET /latest/dynamic/instance-identity/document";
constexpr const char* hostname_path = "GET /latest/meta-data/local-hostname";
constexpr const char* public_address_path = "GET /latest/meta-data/public-ipv4";
constexpr const char* user_data_path = "GET /latest/user-data";

/// A machine of test/fixtures/ec2, at a cloud that copied EC2's first service: no tokens, no identity document.
struct Clone {
    explicit Clone(const std::string& root) {
        fake.root.copy(fixture_path("ec2/" + root));
        fake.http.answer_status(token_path, 404);
        fake.http.answer_status(identity_path, 404);
        for (const char* absent : {"ipv6", "ami-id", "placement/region", "tags/instance"}) {
            fake.http.answer_status(std::string("GET /latest/meta-data/") + absent, 404);
        }
        fake.http.answer("GET /latest/meta-data/instance-id", "i-5b1f4a9c");
        fake.http.answer("GET /latest/meta-data/placement/availability-zone", "eu-west-2a");
        fake.http.answer("GET /latest/meta-data/instance-type", "tinav5.c2r4p2");
        fake.http.answer("GET /latest/meta-data/local-ipv4", "10.0.3.17");
        fake.http.answer(public_address_path, "198.51.100.20");
        fake.http.answer(hostname_path, "ip-10-0-3-17");
        fake.http.answer(user_data_path, "{\"role\": \"web\"}");
    }
    InstanceMetadata read() { return read_instance(find_platform(fake.system, {}, {}), fake.system, {}, {}); }
    FakeSystem fake{};
};

}  // namespace

TEST_CASE("a cloud that copied EC2's first service is read without token and identity document") {
    Clone world(GENERATE("root-outscale", "root-zstack", "root-brightbox", "root-e24cloud", "root-tilaa"));
    const InstanceMetadata metadata = world.read();
    CHECK(metadata.platform == "ec2");
    CHECK(metadata.instance_id == "i-5b1f4a9c");
    CHECK(metadata.zone == "eu-west-2a");
    CHECK(metadata.region.empty());
    CHECK(metadata.instance_type == "tinav5.c2r4p2");
    CHECK(metadata.hostname == "ip-10-0-3-17");
    CHECK(metadata.addresses == std::vector<std::string>{"10.0.3.17", "198.51.100.20"});
    CHECK(metadata.user_data == "{\"role\": \"web\"}");
}

TEST_CASE("of a copy of EC2's service, too, what is unknown is not absent") {
    Clone world("root-outscale");
    const auto code = [&] { return error_of([&] { return world.read(); }).code; };
    world.fake.http.answer_status(identity_path, 500);
    CHECK(code() == "platform.unexpected_answer");
    world.fake.http.answer(identity_path, "{\"instanceId\": ");
    CHECK(code() == "platform.bad_document");
    world.fake.http.answer_status(identity_path, 404);
    for (const int status : {404, 204}) {
        world.fake.http.answer_status("GET /latest/meta-data/instance-id", status);
        CHECK(code() == "platform.bad_document");  // no id, no instance
    }
    world.fake.http.answer_status("GET /latest/meta-data/instance-id", 503);
    CHECK(code() == "platform.unexpected_answer");
}

TEST_CASE("Amazon's own machine is not read without a token because clones are") {
    Clone world("root-vendor-alone");
    CHECK(error_of([&] { return world.read(); }).code == "platform.token_missing");
}
