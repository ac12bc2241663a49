#include "test/fakes/platform_world.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;

namespace {

constexpr const char* root = "nwcs/root";
constexpr const char* path = "/api/v1/metadata";

}  // namespace

TEST_CASE("user-data of NWCS is in its document, null there, or empty") {
    PlatformWorld world(root);
    change_answer(world, root, path, [](Json& body) { body["userdata"] = nullptr; });
    CHECK(world.read().user_data == std::nullopt);
    change_answer(world, root, path, [](Json& body) { body.erase("userdata"); });
    CHECK(world.read().user_data == std::nullopt);
    change_answer(world, root, path, [](Json& body) { body["userdata"] = ""; });
    CHECK(world.read().user_data == "");
}

TEST_CASE("a document of NWCS without an id is refused") {
    PlatformWorld world(root);
    change_answer(world, root, path, [](Json& body) { body.erase("instance-id"); });
    CHECK(world.failure().code == "platform.bad_document");
    world.fake.http.answer_status(std::string("GET ") + path, 404);
    CHECK(world.failure().code == "platform.bad_document");
}
