#include "common/documents/json.hpp"
#include "test/fakes/platform_world.hpp"
#include "test/fakes/printed.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;

TEST_CASE("the metadata is one document, which tells of user-data only how much there is") {
    PlatformWorld world("ec2/root-nitro");
    world.fake.http.answer("GET /latest/user-data", "{\"data\": \"hunter2\"}");
    const std::string text = printed_by(world.fake.system, "metadata", {{"--json", ""}});
    const Json document = Json::parse(text);
    CHECK(document.at("id") == "i-1234567890abcdef0");
    CHECK(document.at("user_data") == Json{{"origin", "user-data"}, {"bytes", 19}});
    CHECK(text.find("hunter2") == std::string::npos);
    world.fake.http.answer_status("GET /latest/user-data", 404);
    CHECK(Json::parse(printed_by(world.fake.system, "metadata", {{"--json", ""}})).at("user_data").is_null());
}

TEST_CASE("one value is printed bare, for scripts") {
    PlatformWorld world("ec2/root-nitro");
    CHECK(printed_by(world.fake.system, "metadata", {{"KEY", "region"}}) == "us-west-2\n");
    CHECK(printed_by(world.fake.system, "metadata", {{"KEY", "tags.bootwright:role"}}) == "web\n");
    CHECK(printed_by(world.fake.system, "metadata", {{"KEY", "user_data.bytes"}}).size() > 1);
    const Error error = error_of([&] { return run_command(world.fake.system, "metadata", {{"KEY", "regoin"}}); });
    CHECK(error.code == "metadata.no_such_key");
    CHECK(error.advice == "did you mean \"region\"?");
}

TEST_CASE("what a cloud says cannot move a terminal's cursor") {
    PlatformWorld world("ec2/root-nitro");
    world.fake.http.answer("GET /latest/meta-data/local-hostname", "a\x1b[2Jb");
    CHECK(printed_by(world.fake.system, "metadata").find('\x1b') == std::string::npos);
    CHECK(printed_by(world.fake.system, "metadata", {{"KEY", "hostname"}}) == "a?[2Jb\n");
}

TEST_CASE("somebody who waits is told within a few attempts") {
    PlatformWorld world("ec2/root-nitro");
    world.fake.http.answer_status("GET /latest/user-data", 500);
    CHECK(error_of([&] { return run_command(world.fake.system, "metadata"); }).code == "platform.unexpected_answer");
    CHECK(world.fake.clock.slept.size() == 4);
}
