#include "agent/platform/document.hpp"

#include <catch2/catch_test_macros.hpp>

#include <map>
#include <string>

using namespace bootwright;

TEST_CASE("tags are names and values, or words that may be both") {
    InstanceMetadata metadata{.platform = "x", .instance_id = "1"};
    add_tags(metadata, Json{{"a", "b"}, {"n", 5}});
    add_tags(metadata, Json{"word", "k=v=w", "bootwright:role:web", "other:thing:x", 7, ""});
    CHECK(metadata.tags ==
          std::map<std::string, std::string>{
              {"a", "b"}, {"n", "5"}, {"word", ""}, {"k", "v=w"}, {"bootwright:role", "web"}, {"other:thing:x", ""}});
    add_tags(metadata, Json("text"));
    CHECK(metadata.tags.size() == 6);
}

TEST_CASE("a value of a document is a string or a number, and nothing else") {
    const Json document{
        {"s", "x"}, {"n", 18446744073709551615U}, {"o", Json::object()}, {"null", nullptr}, {"b", true}};
    CHECK(text_at(document, "s") == "x");
    CHECK(text_at(document, "n") == "18446744073709551615");
    for (const char* key : {"o", "null", "b", "absent"}) {
        CHECK(text_at(document, key).empty());
    }
    CHECK(text_at(Json::array(), "s").empty());
}
