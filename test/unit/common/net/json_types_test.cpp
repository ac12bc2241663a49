#include "common/net/json_types.hpp"

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <filesystem>
#include <string_view>

using namespace bootwright;
using namespace std::chrono_literals;

namespace {

enum class Colour { red, green };

}  // namespace

template <>
constexpr auto bootwright::names_in_json<Colour> = std::to_array<std::string_view>({"red", "green"});

TEST_CASE("a value of an enum is its name, and no other name is taken for one") {
    CHECK(Json(Colour::green) == "green");
    CHECK(Json("green").get<Colour>() == Colour::green);
    CHECK(Json("red").get<Colour>() == Colour::red);
    CHECK_THROWS_AS(Json("blue").get<Colour>(), std::invalid_argument);
    CHECK_THROWS_AS(Json(1).get<Colour>(), Json::exception);
    CHECK_THROWS(Json(static_cast<Colour>(2)));
}

TEST_CASE("nothing is null, and something is itself") {
    using Maybe = std::optional<std::string>;
    CHECK(Json(Maybe()).is_null());
    CHECK(Json(Maybe("")) == "");
    CHECK_FALSE(Json().get<Maybe>());
    CHECK(Json("").get<Maybe>() == "");
    CHECK_THROWS_AS(Json(1).get<Maybe>(), Json::exception);
    CHECK(Json(Json("red").get<std::optional<Colour>>()) == "red");
}

TEST_CASE("a time, a path and a URL with its credentials are plain values") {
    CHECK(Json(1500ms) == 1500);
    CHECK(Json(1500).get<std::chrono::milliseconds>() == 1500ms);
    CHECK_THROWS_AS(Json("1500").get<std::chrono::milliseconds>(), Json::exception);
    CHECK(Json(std::filesystem::path("/a/b")) == "/a/b");
    CHECK_THROWS_AS(Json(7).get<std::filesystem::path>(), Json::exception);
    CHECK(Json(Url("https://u:p@h/x")) == "https://u:p@h/x");
    CHECK(Json("https://u:p@h/x").get<Url>() == "https://u:p@h/x");
    CHECK(Json("").get<Url>().empty());
    CHECK_THROWS_AS(Json("https://h:x/").get<Url>(), Error);
    CHECK_THROWS_AS(Json(7).get<Url>(), Json::exception);
}
