#include "agent/repository/fetch_outcome.hpp"

#include "common/base/encoding.hpp"
#include "test/fakes/errors.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;

namespace {

const std::string commit(40, 'a');
const std::string other(40, 'b');

SnapshotRequest request() {
    SnapshotRequest request{.repository = "https://reader:hunter2@git.example.com/x.git", .output = "/out"};
    request.fetch.revision = "HEAD";
    request.fetch.settings.proxy = "http://worker:hunter2-of-the-proxy@proxy:3128";
    return request;
}

/// What is read of one line of the child.
FetchOutcome read(const Json& event, const SnapshotRequest& asked = request(),
                  std::vector<std::string>* heard = nullptr) {
    FetchOutcome answer;
    const auto keep = [&](const std::string& text) {
        if (heard != nullptr) {
            heard->push_back(text);
        }
    };
    const FetchEvents events{
        .progress = [&](std::string_view what, std::uint64_t, std::uint64_t) { keep(std::string(what)); },
        .heard = [&](const PlaceAnswer& place) { keep(place.place + " " + place.said); }};
    read_fetch_event(to_line(event), asked, secrets_of(asked), events, answer);
    return answer;
}

Json snapshot(const std::string& revision = commit) {
    return {{"revision", revision},
            {"file", "/etc/shadow"},
            {"modules", {{{"path", "modules/\x1b[31mm"}, {"commit", other}}}},
            {"missing", Json::array()},
            {"tags", {"v1\n  sha256  x", "hunter2"}},
            {"files", 3},
            {"bytes", 7}};
}

}  // namespace

TEST_CASE("of a snapshot the child says what it holds, not where it is, and nothing that moves a terminal") {
    const Snapshot found = read({{"snapshot", snapshot()}}).snapshot.value();
    CHECK(found.file == "/out/" + commit + ".bundle");
    CHECK(found.revision == commit);
    CHECK(found.modules.at(0).path == "modules/?[31mm");
    CHECK(found.tags == std::vector<std::string>{"v1   sha256  x", "[redacted]"});
    CHECK(found.files == 3);
    SnapshotRequest looked_into = request();
    looked_into.look_into = "/in/x.bundle";
    CHECK(read({{"snapshot", snapshot()}}, looked_into).snapshot.value().file == "/in/x.bundle");
}

TEST_CASE("what bootwright-fetch never says of a snapshot is an error") {
    SnapshotRequest pinned = request();
    pinned.fetch.revision = other;
    CHECK(error_of([&] { read({{"snapshot", snapshot()}}, pinned); }).code == "repository.fetch_crashed");
    const Json bad[]{"x", 7, Json::object(), snapshot("../../etc"), Json::array({1})};
    for (const Json& said : bad) {
        CAPTURE(said.dump());
        CHECK(error_of([&] { read({{"snapshot", said}}); }).code == "repository.fetch_crashed");
    }
    for (const char* key : {"modules", "missing", "tags"}) {
        for (const Json& said : {Json{1}, Json{{{"path", 1}, {"commit", "x"}}}, Json{Json::array()}}) {
            CAPTURE(key, said.dump());
            Json changed = snapshot();
            changed[key] = said;
            CHECK(error_of([&] { read({{"snapshot", changed}}); }).code == "repository.fetch_crashed");
        }
    }
}

TEST_CASE("no text of the child holds a secret of the request, and no code is one that it does not know") {
    const std::string secrets = "for https://reader:hunter2@git.example.com and hunter2-of-the-proxy";
    const Error error =
        read({{"error", to_json(transient_error("server.unreachable", secrets, "try " + secrets))}}).error.value();
    CHECK((error.message + error.advice).find("hunter2") == std::string::npos);
    CHECK(error.code == "server.unreachable");
    for (const char* code : {"puppet.failed", "repository.hunter2 \x1b[31m", "stopped"}) {
        CAPTURE(code);
        CHECK(read({{"error", to_json(transient_error(code, secrets, "x"))}}).error.value().code ==
              "repository.fetch_crashed");
    }
    CHECK(read({{"error", to_json(stopped_error())}}).error.value().code == "repository.fetch_crashed");
    std::vector<std::string> heard;
    read({{"progress", {{"what", secrets}, {"done", 1}, {"total", 2}}}}, request(), &heard);
    read({{"place", {{"place", secrets}, {"said", secrets}, {"seconds", "x"}}}}, request(), &heard);
    REQUIRE(heard.size() == 2);
    CHECK((heard[0] + heard[1]).find("hunter2") == std::string::npos);
    for (const Json& event : {Json("x"), Json(), Json::array({1}), Json{{"unknown", 1}}, Json{{"progress", 1}}}) {
        CHECK_FALSE(read(event).error);
    }
}
