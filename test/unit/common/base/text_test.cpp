#include "common/base/text.hpp"

#include "common/base/encoding.hpp"
#include "common/net/url.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>

using namespace bootwright;

TEST_CASE("white space is cut from both ends only") {
    CHECK(trimmed("").empty());
    CHECK(trimmed(" \t\r\n\f\v").empty());
    CHECK(trimmed("\n a b\t\r\n") == "a b");
    CHECK(trimmed("a") == "a");
    // A byte above 127 is no white space, whatever the locale says.
    CHECK(trimmed("\xa0x\x85") == "\xa0x\x85");
}

TEST_CASE("only ASCII letters become lower case") {
    CHECK(lower("Az-Z09@[`") == "az-z09@[`");
    CHECK(lower("ÄÖ") == "ÄÖ");
}

TEST_CASE("splitting keeps empty pieces, and joining puts them together again") {
    CHECK(split("", ',') == std::vector<std::string>{""});
    CHECK(split(",", ',') == std::vector<std::string>{"", ""});
    CHECK(split("a,,b,", ',') == std::vector<std::string>{"a", "", "b", ""});
    CHECK(split(std::string_view("a\0b", 3), '\0') == std::vector<std::string>{"a", "b"});
    CHECK(joined({}, ", ").empty());
    CHECK(joined({"a"}, ", ") == "a");
    CHECK(joined({"a", "b", "c"}, ", ") == "a, b, c");
    CHECK(joined({"a", "", "c"}, ".") == "a..c");
}

TEST_CASE("an empty word at the front keeps its place when words are joined") { CHECK(joined({"", "b"}, ".") == ".b"); }

TEST_CASE("a misspelt word suggests the nearest candidate, and a strange one nothing") {
    const std::vector<std::string> keys{"repository", "revision", "role", "url"};
    CHECK(nearest("repositry", keys) == "repository");
    CHECK(nearest("Role", keys) == "role");
    CHECK(nearest("revison", keys) == "revision");
    CHECK(nearest("ulr", keys) == std::nullopt);  // two replacements in three letters
    CHECK(nearest("wombat", keys) == std::nullopt);
    CHECK(nearest("", keys) == std::nullopt);
    CHECK(nearest("role", {}) == std::nullopt);
    CHECK(nearest(std::string(65, 'r'), keys) == std::nullopt);
    CHECK(nearest(std::string(1000000, 'r'), keys) == std::nullopt);
}

TEST_CASE("a name is a lower-case letter, and then letters, digits and underscores") {
    for (const char* good : {"a", "z", "role", "zz9_0"}) {
        CHECK(is_name(good));
    }
    for (const char* bad : {"", "1a", "_a", "A", "a-b", "a b", "a::b", "a\n", "ä", "`", "{", "a/", "a:"}) {
        CAPTURE(bad);
        CHECK_FALSE(is_name(bad));
    }
}

TEST_CASE("a long text is cut between two characters, and shows that it was") {
    CHECK(shortened("", 0).empty());
    CHECK(shortened("abc", 3) == "abc");
    const std::string euros = "€€€€€€€€€€";
    for (std::size_t longest = 3; longest <= 40; ++longest) {
        CAPTURE(longest);
        const std::string cut = shortened(euros, longest);
        CHECK(is_text(cut));
        CHECK((cut == euros || cut.ends_with("…")));
        CHECK(cut.size() <= std::max<std::size_t>(longest, 3) + 3);
    }
    CHECK(is_text(shortened("ü𝄞" + std::string(600, 'x'), 500)));
    CHECK(shortened(std::string(600, '\x80'), 500).size() <= 503);  // no UTF-8 at all
}

TEST_CASE("a text that is cut within keeps its first line, and its end") {
    CHECK(shortened_within("abc", 3) == "abc");
    CHECK(shortened_within("head and much more to its end", 9) == "hea…ts end");
    CHECK(shortened_within("a\nand much more to its end", 9) == "a… its end");
    CHECK(shortened_within("first\nand much more to its end", 9) == "first… end");
    CHECK(shortened_within("first line\nand much more to its end", 9) == "first …end");
    const std::string euros = "€€€€€€€€€€";
    for (std::size_t longest = 0; longest <= 40; ++longest) {
        CAPTURE(longest);
        const std::string cut = shortened_within(euros, longest);
        CHECK(is_text(cut));
        CHECK((cut == euros || cut.find("…") != std::string::npos));
        CHECK(cut.size() <= longest + 3);
    }
}

TEST_CASE("a commit id is 40 lower-case hexadecimal digits and nothing else") {
    CHECK(is_commit_id("0123456789abcdef0123456789abcdef01234567"));
    CHECK_FALSE(is_commit_id(""));
    CHECK_FALSE(is_commit_id("0123456789abcdef0123456789abcdef0123456"));
    CHECK_FALSE(is_commit_id("0123456789abcdef0123456789abcdef012345678"));
    CHECK_FALSE(is_commit_id("0123456789ABCDEF0123456789abcdef01234567"));
    CHECK_FALSE(is_commit_id("0123456789abcdef0123456789abcdef0123456g"));
    CHECK_FALSE(is_commit_id("0123456789abcdef0123456789abcdef0123456\n"));
    CHECK_FALSE(is_commit_id(std::string_view("0123456789abcdef0123456789abcdef0123456\0", 40)));
}
