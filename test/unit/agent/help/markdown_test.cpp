#include "agent/help/markdown.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

using namespace bootwright;

TEST_CASE("for a terminal a link is its text, nothing is bold, and code stays recognisable") {
    struct Row {
        const char* markdown;
        const char* plain;
    };
    const Row row = GENERATE(values<Row>({
        {"", ""},
        {"see [the list](files.md#x), and `a [b](c) *d*`", "see the list, and `a [b](c) *d*`"},
        {"[`ready`](status.md) is **never** *old*", "`ready` is never old"},
        {"2 * 3 * 4, **, *, ` and [x] are text", "2 * 3 * 4, **, *, ` and [x] are text"},
        {"`agent.d/*.json` and `*.lock`", "`agent.d/*.json` and `*.lock`"},
        {"[outer [inner](a)", "[outer inner"},
    }));
    CHECK(plain(row.markdown) == row.plain);
}

TEST_CASE("text is wrapped between words, and a word that is too long is not broken") {
    CHECK(wrapped("one two three", 7) == std::vector<std::string>{"one two", "three"});
    CHECK(wrapped("one two", 7) == std::vector<std::string>{"one two"});
    CHECK(wrapped("a /a/path/that/is/long b", 6) == std::vector<std::string>{"a", "/a/path/that/is/long", "b"});
    CHECK(wrapped("", 6) == std::vector<std::string>{""});
}
