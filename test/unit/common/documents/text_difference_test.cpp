#include "common/documents/text_difference.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;

using Lines = std::vector<std::string>;

TEST_CASE("equal texts have no difference") {
    CHECK(line_difference("", "").empty());
    CHECK(line_difference("a\nb\n", "a\nb\n").empty());
}

TEST_CASE("a difference has three lines around each change") {
    const std::string before = "1\n2\n3\n4\n5\n6\n7\n8\n9\n";
    CHECK(line_difference(before, "1\n2\n3\n4\nfive\n6\n7\n8\n9\n") ==
          Lines{"@@", " 2", " 3", " 4", "-5", "+five", " 6", " 7", " 8"});
    CHECK(line_difference(before, "2\n3\n4\n5\n6\n7\n8\n9\n10\n") ==
          Lines{"@@", "-1", " 2", " 3", " 4", "@@", " 7", " 8", " 9", "+10"});
}

TEST_CASE("lines that only moved are found again, so that few are told") {
    CHECK(line_difference("a\nb\nc\n", "b\nc\na\n") == Lines{"@@", "-a", " b", " c", "+a"});
}

TEST_CASE("a text that begins or ends to exist, and one without a last line end") {
    CHECK(line_difference("", "a\n") == Lines{"@@", "+a"});
    CHECK(line_difference("a\n", "") == Lines{"@@", "-a"});
    CHECK(line_difference("a\n", "a") == Lines{"@@", " a", "+\\ No newline at end of file"});
}

TEST_CASE("texts with very many different lines are told as a whole, in little time and memory") {
    std::string before;
    std::string after;
    for (int i = 0; i < 20000; ++i) {
        before += "a" + std::to_string(i) + "\n";
        after += "b" + std::to_string(i) + "\n";
    }
    CHECK(line_difference(before, after).size() == 40001);
}
