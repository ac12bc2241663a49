#include "common/secrets.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;

TEST_CASE("every text of some length counts as a secret, wherever it stands") {
    const Json data{{"a", "hunter2"}, {"b", {"short", {{"c", "correct horse"}}}}, {"d", 123456789}};
    CHECK(secrets_in(data) == std::vector<std::string>{"hunter2", "correct horse"});
    CHECK(secrets_in(Json()).empty());
}

TEST_CASE("secrets are cut as they are, as JSON writes them, and line by line") {
    const std::vector<std::string> secrets{"hunter2", "hunter2-longer", "a\"quoted\" one", "first line\nsecond line\n"};
    CHECK(without_secrets("x hunter2-longer hunter2 y", secrets) == "x [redacted] [redacted] y");
    CHECK(without_secrets(R"({"p": "a\"quoted\" one"})", secrets) == R"({"p": "[redacted]"})");
    CHECK(without_secrets("it says: second line", secrets) == "it says: [redacted]");
    CHECK(without_secrets("first line\nsecond line\n", secrets) == "[redacted]");
    CHECK(without_secrets("nothing", secrets) == "nothing");
}
