#include "agent/help/runbook.hpp"

#include "agent/help/markdown.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <set>

using namespace bootwright;

TEST_CASE("an entry is what stands between its heading and the next") {
    const std::vector<RunbookEntry> entries = runbook_of(
        "# Title\n*Not.* this\n#### `a.one`, `a.two`\n*Transient; permanent if so.* What it means.\n"
        "- **Check:** this: and **that**.\n- **Do:** it.\n\n### Other\n- **Do:** not this.\n#### `b`\n*Stopped.* "
        "End.\n");
    REQUIRE(entries.size() == 2);
    CHECK(entries[0].codes == std::vector<std::string>{"a.one", "a.two"});
    CHECK(entries[0].kind == "transient; permanent if so");
    CHECK(entries[0].meaning == "What it means.");
    REQUIRE(entries[0].steps.size() == 2);
    CHECK(entries[0].steps[0].label == "Check");
    CHECK(entries[0].steps[0].text == "this: and **that**.");
    CHECK(entries[1].codes == std::vector<std::string>{"b"});
    CHECK(entries[1].steps.empty());
}

TEST_CASE("each error has a meaning, something to check and something to do, in words that any terminal shows") {
    std::set<std::string> codes;
    for (const RunbookEntry& entry : runbook()) {
        CAPTURE(entry.codes);
        CHECK_FALSE(entry.codes.empty());
        CHECK_FALSE(entry.kind.empty());
        CHECK(entry.meaning.size() > 20);
        REQUIRE(entry.steps.size() == 2);
        CHECK(entry.steps[0].label == "Check");
        CHECK(entry.steps[1].label == "Do");
        for (const std::string& text : {entry.meaning, entry.steps[0].text, entry.steps[1].text}) {
            const bool is_plain = std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
            // An ellipsis is the one sign beyond ASCII, and wrapped() may count it as three.
            CHECK((is_plain || text.find("…") != std::string::npos));
            CHECK((text.ends_with(".") || text.ends_with("?")));
        }
        for (const std::string& code : entry.codes) {
            CHECK(codes.insert(code).second);
        }
    }
    CHECK(codes.contains("git.no_repository"));
    CHECK(codes.contains("stopped"));
}
