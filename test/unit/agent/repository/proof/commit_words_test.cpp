#include "agent/repository/proof/commit_words.hpp"

#include <catch2/catch_test_macros.hpp>

#include <limits>
#include <string>

using namespace bootwright;

namespace {

const std::string id(40, 'a');

}  // namespace

TEST_CASE("the words of a commit are read as they were written") {
    const CommitWords words{"Serve the site", "Ann Example", 1795383092, "v1.4", id, 3};
    const CommitWords back = commit_words_from_json(to_json(words));
    CHECK(back.subject == "Serve the site");
    CHECK(back.author == "Ann Example");
    CHECK(back.written == 1795383092);
    CHECK(back.tag == "v1.4");
    CHECK(back.before == id);
    CHECK(back.files_changed == 3);
}

TEST_CASE("what strangers write into a commit moves no cursor, forges no line, and has an end") {
    const std::string hostile = "a\x1b[2J\nb\xC2\x9B\xE2\x80\xAE\xFF";
    const CommitWords words = commit_words_from_json(
        {{"subject", hostile}, {"author", hostile}, {"tag", hostile}, {"before", hostile}, {"written", 7}});
    for (const std::string& text : {words.subject, words.author, words.tag}) {
        CHECK(text == "a?[2J b???");
    }
    CHECK(words.before.empty());
    const std::string endless(100'000, 'x');
    const CommitWords cut = fit_to_be_shown({.subject = endless, .author = endless, .tag = endless});
    CHECK(cut.subject == std::string(200, 'x') + "…");
    CHECK(cut.author == std::string(100, 'x') + "…");
    CHECK(cut.tag == std::string(100, 'x') + "…");
}

TEST_CASE("times that no author can have written are not known") {
    for (const std::int64_t time :
         {std::int64_t{0}, std::int64_t{-1}, std::int64_t{7'258'118'400}, std::numeric_limits<std::int64_t>::max(),
          std::numeric_limits<std::int64_t>::min()}) {
        CAPTURE(time);
        CHECK(fit_to_be_shown({.written = time}).written == 0);
    }
    CHECK(fit_to_be_shown({.written = 7'258'118'399}).written == 7'258'118'399);
    CHECK(commit_words_from_json({{"written", std::numeric_limits<std::uint64_t>::max()}}).written == 0);
}

TEST_CASE("words of another shape are none") {
    for (const char* text :
         {"null", "7", "[]", "{}", R"({"subject": 7, "author": [], "written": "x", "before": {}})"}) {
        CAPTURE(text);
        const CommitWords words = commit_words_from_json(Json::parse(text));
        CHECK(words.subject.empty());
        CHECK(words.author.empty());
        CHECK(words.written == 0);
        CHECK(words.before.empty());
    }
}
