#include "agent/repository/snapshot_request.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;

TEST_CASE("a request for a snapshot survives the way to the child") {
    const SnapshotRequest request{
        .fetch = {.revision = "main"}, .look_into = "/a.bundle", .repository = "https://u:p@h/x", .output = "/out"};
    const Json sent = to_json(request);
    const SnapshotRequest back = snapshot_request_from_json(Json::parse(to_line(sent)));
    CHECK(back.fetch.revision == "main");
    CHECK(back.look_into == "/a.bundle");
    CHECK(back.repository == "https://u:p@h/x");
    CHECK(back.output == "/out");
    CHECK(to_json(back) == sent);
    for (const char* member : {"look_into", "repository", "output"}) {
        CAPTURE(member);
        Json less = sent;
        less.at("snapshot").erase(member);
        CHECK_THROWS_AS(snapshot_request_from_json(less), Json::exception);
    }
}

TEST_CASE("what a snapshot holds is told in full") {
    const Snapshot snapshot{.revision = "abc",
                            .file = "/out/abc.bundle",
                            .modules = {{"modules/m", "def"}},
                            .missing = {{"modules/n", "012"}},
                            .tags = {"v1"},
                            .files = 2,
                            .bytes = 3};
    CHECK(to_line(to_json(snapshot)) ==
          R"({"bytes":3,"file":"/out/abc.bundle","files":2,"missing":[{"commit":"012","path":"modules/n"}],)"
          R"("modules":[{"commit":"def","path":"modules/m"}],"revision":"abc","tags":["v1"]})");
}
