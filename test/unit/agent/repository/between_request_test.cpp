#include "agent/repository/between_request.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;

TEST_CASE("a question for what lies between two revisions survives the way to the child") {
    const BetweenRequest request{.fetch = {.name_url = Url("https://u:p@h/x")},
                                 .kept = "/var/lib/bootwright/repository",
                                 .seeds = {"/a", "/b"},
                                 .before = std::string(40, 'a'),
                                 .after = std::string(40, 'b')};
    const Json sent = to_json(request);
    const BetweenRequest back = between_request_from_json(Json::parse(to_line(sent)));
    CHECK(back.kept == request.kept);
    CHECK(back.seeds == request.seeds);
    CHECK(back.before == request.before);
    CHECK(back.after == request.after);
    CHECK(back.fetch.name_url == request.fetch.name_url);
    CHECK(to_json(back) == sent);
}

TEST_CASE("what lies between survives the way back, and what strangers wrote is fit to be shown") {
    Redactor redactor;
    redactor.add("hunter2");
    const std::string id(40, 'a');
    Between between{.has_commits = true,
                    .added = {{id, {.subject = "hunter2\nline", .author = "A\x1b", .written = 1'795'176'187}}},
                    .removed = {{"no id", {}}},
                    .added_count = 300,
                    .not_deepened = transient_error("server.unreachable", "with hunter2", "look"),
                    .has_files = true,
                    .files = {{"A", "a\nb"}},
                    .files_count = 1,
                    .modules = {{"modules/x", "1.0.0", std::string(500, 'v')}}};
    const Between back = between_from_json(Json::parse(to_line(to_json(between))), redactor);
    CHECK(back.has_commits);
    REQUIRE(back.added.size() == 1);
    CHECK(back.added[0].id == id);
    CHECK(back.added[0].words.subject.find("hunter2") == std::string::npos);
    CHECK(back.added[0].words.subject.ends_with(" line"));
    CHECK(back.added[0].words.author == "A?");
    CHECK(date_of(back.added[0]) == "2026-11-20T12:03:07.000Z");
    CHECK(back.removed.empty());
    CHECK(back.added_count == 300);
    REQUIRE(back.not_deepened);
    CHECK(back.not_deepened->message.find("hunter2") == std::string::npos);
    CHECK(back.files.at(0).path == "a b");
    CHECK(back.modules.at(0).after.size() < 110);
    CHECK(between_from_json(Json(), redactor).files.empty());
    CHECK_FALSE(between_from_json(Json::parse(R"({"added": 3, "files": ["x", null]})"), redactor).has_commits);
}
