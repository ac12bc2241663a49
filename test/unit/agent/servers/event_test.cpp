#include "agent/servers/event.hpp"

#include "common/base/encoding.hpp"
#include "test/fakes/errors.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

using namespace bootwright;
using Kind = DownloadRequest::Kind;

namespace {

const std::string commit(40, 'a');
const std::string git_line = to_line({{"git", to_json(GitAnswer{.commit = commit, .has_pack = true})}});

/// The error of the last line: each one before it may be said.
Error refusal(Kind kind, const std::vector<std::string>& lines) {
    DownloadEvents events(kind);
    for (std::size_t i = 0; i + 1 < lines.size(); ++i) {
        events.read(lines[i]);
    }
    return error_of([&] { return events.read(lines.back()); });
}

void check_refused(Kind kind, const std::vector<std::string>& lines) {
    CAPTURE(lines.back().substr(0, 200));
    const Error error = refusal(kind, lines);
    CHECK(error.kind == ErrorKind::transient);
    CHECK(error.code == "repository.fetch_crashed");
    CHECK(error.message.size() < 6000);
    CHECK(printable(error.message) == error.message);
}

std::string error_line(const std::string& kind, const std::string& code, const std::string& message = "m") {
    return to_line({{"error", {{"kind", kind}, {"code", code}, {"message", message}, {"advice", "a"}}}});
}

Error said(const std::string& line, Kind kind = Kind::git) {
    DownloadEvents events(kind);
    events.read(line);
    REQUIRE(events.error());
    return *events.error();
}

Json answer_with(const Json& more) {
    Json answer{{"status", 200}, {"headers", Json::object()}, {"body", ""}};
    answer.update(more);
    return {{"answer", answer}};
}

}  // namespace

TEST_CASE("what the download program may say is read") {
    DownloadEvents events(Kind::git);
    CHECK(events.read(R"({"unconfined": ["no Landlock", "a\u001bb"]})").unconfined ==
          std::vector<std::string>{"no Landlock", "a?b"});
    CHECK(events.read(R"({"received": 0})").received == 0U);
    CHECK(events.read(R"({"received": 7})").received == 7U);
    CHECK(events.read(R"({"received": 7})").received == 7U);
    CHECK(events.ending().empty());
    events.read(git_line);
    CHECK(git_answer_of(events.ending()).commit == commit);
    CHECK(git_answer_of(events.ending()).has_pack);
    CHECK_FALSE(events.error());
}

TEST_CASE("what the download program never says is refused") {
    const std::string line = GENERATE(
        "", "rubbish", "7", "[]", "{}", "null", R"({"unknown": 1})", R"({"received": -1})", R"({"received": 1.5})",
        R"({"received": "1"})", R"({"received": 5368709121})", R"({"received": 1, "git": {}})", R"({"unconfined": 7})",
        R"({"unconfined": [7]})", R"({"snapshot": {}})", R"({"answer": {}})", R"({"r10k": {}})", R"({"git": 7})",
        R"({"error": 7})", R"({"error": []})", R"({"error": {}})", R"({"stopped": {}})", "{\"received\": 1");
    check_refused(Kind::git, {line});
}

TEST_CASE("what the download program says in an order that makes no sense is refused") {
    check_refused(Kind::git, {R"({"received": 2})", R"({"received": 1})"});
    check_refused(Kind::git, {R"({"unconfined": []})", R"({"unconfined": []})"});
    check_refused(Kind::git, {git_line, R"({"received": 1})"});
    check_refused(Kind::git, {git_line, git_line});
    check_refused(Kind::git, {error_line("transient", "server.stalled"), git_line});
    check_refused(Kind::snapshot, {R"({"snapshot": {"more": 1}})"});
    check_refused(Kind::r10k, {R"({"r10k": {"more": 1}})"});
}

TEST_CASE("a release is told once, in order, and only to who asked for releases") {
    DownloadEvents events(Kind::releases);
    CHECK(events.read(R"({"release": 0})").release == 0U);
    CHECK(events.read(R"({"release": 5})").release == 5U);
    CHECK_FALSE(events.read(R"({"received": 5})").release);
    CHECK_NOTHROW(events.read(R"({"releases": {}})"));
    check_refused(Kind::releases, {R"({"release": 5})", R"({"release": 5})"});
    check_refused(Kind::releases, {R"({"release": 10000})"});
    check_refused(Kind::releases, {R"({"release": -1})"});
    check_refused(Kind::releases, {R"({"release": "1"})"});
    check_refused(Kind::releases, {R"({"releases": {"more": 1}})"});
    check_refused(Kind::file, {R"({"release": 0})"});
}

TEST_CASE("a program lacks no more than there is") {
    const auto lack = [](std::size_t count) {
        return to_line({{"unconfined", std::vector<std::string>(count, "no Landlock")}});
    };
    CHECK(DownloadEvents(Kind::git).read(lack(20)).unconfined.size() == 20);
    check_refused(Kind::git, {lack(21)});
}

TEST_CASE("a program that never comes to an end is refused") {
    constexpr int most_lines = 100;
    DownloadEvents events(Kind::r10k, most_lines);
    for (int i = 0; i < most_lines; ++i) {
        events.read(R"({"received":0})");
    }
    CHECK(error_of([&] { return events.read(R"({"received":0})"); }).code == "repository.fetch_crashed");
}

TEST_CASE("the download program's errors are those of its own list, each with its kind") {
    CHECK(said(error_line("transient", "server.unreachable")).kind == ErrorKind::transient);
    CHECK(said(error_line("permanent", "server.access_denied")).kind == ErrorKind::permanent);
    CHECK(said(error_line("transient", "server.not_trusted")).kind == ErrorKind::transient);
    CHECK(said(error_line("permanent", "server.not_trusted")).kind == ErrorKind::permanent);
    CHECK(said(error_line("permanent", "http.bad_header")).code == "http.bad_header");
    CHECK(said(error_line("permanent", "url.invalid")).code == "url.invalid");
    CHECK(said(error_line("transient", "repository.r10k_failed"), Kind::r10k).code == "repository.r10k_failed");
    check_refused(Kind::git, {error_line("permanent", "server.unreachable")});
    check_refused(Kind::git, {error_line("transient", "server.access_denied")});
    check_refused(Kind::git, {error_line("transient", "repository.r10k_failed")});
    check_refused(Kind::r10k, {error_line("permanent", "server.access_denied")});
    check_refused(Kind::git, {error_line("stopped", "server.unreachable")});
    check_refused(Kind::git, {error_line("unknown", "server.unreachable")});
    for (const char* code : {"stopped", "git.corrupt", "git.pack_damaged", "repository.branch_rewritten", "io.no_space",
                             "io.failed", "process.cannot_start", "sandbox.failed", "internal", "", "x"}) {
        for (const char* kind : {"transient", "permanent", "stopped"}) {
            check_refused(Kind::git, {error_line(kind, code)});
        }
    }
}

TEST_CASE("an error of the download program is cut, made fit to be shown, and has no more than an error has") {
    const Error error = said(error_line("transient", "server.stalled", std::string(20000, 'x')));
    CHECK(error.message.size() <= 4100);
    CHECK(said(error_line("transient", "server.stalled", "a\x1b[2Jb")).message == "a?[2Jb");
    check_refused(Kind::git,
                  {error_line("transient", "io.\x1b[2J" + std::string(20000, 'x'), std::string(60000, 'y'))});
    check_refused(Kind::git, {R"({"error": {"kind": "transient", "code": "server.stalled", "message": 7}})"});
    check_refused(Kind::git, {R"({"error": {"kind": "transient", "code": "server.stalled", "more": "x"}})"});
    check_refused(Kind::git, {R"({"error": {"kind": "transient", "code": "server.stalled", "retry_after_ms": "1"}})"});
    const Error patient =
        said(R"({"error": {"kind": "transient", "code": "server.stalled", "retry_after_ms": 18446744073709551615}})");
    CHECK(patient.retry_after == std::chrono::hours(24));
}

TEST_CASE("an answer about a git repository holds full ids, and not too much") {
    const auto refused = [](const Json& more) {
        Json git = to_json(GitAnswer{.commit = commit});
        git.update(more);
        CAPTURE(to_line(more).substr(0, 200));
        CHECK(error_of([&] { return git_answer_of({{"git", git}}); }).code == "repository.fetch_crashed");
    };
    refused({{"commit", "main"}});
    refused({{"commit", 7}});
    refused({{"has_pack", "yes"}});
    refused({{"is_shallow", 1}});
    refused({{"tags", Json::object()}});
    refused({{"tags", {7}}});
    refused({{"tags", {{{"name", "v1"}, {"id", "v1"}}}}});
    refused({{"tags", {{{"name", std::string(1025, 'x')}, {"id", commit}}}}});
    refused({{"tags", Json(std::vector<Json>(1001, {{"name", "v1"}, {"id", commit}}))}});
    const GitAnswer answer{
        .commit = commit, .tags = {{"refs/tags/a", commit}, {"refs/tags/b", commit}}, .is_shallow = true};
    const GitAnswer back = git_answer_of(Json::parse(to_line({{"git", to_json(answer)}})));
    REQUIRE(back.tags.size() == 2);
    CHECK(back.tags[1].name == "refs/tags/b");
    CHECK(back.tags[1].id == commit);
    CHECK(back.is_shallow);
    CHECK_FALSE(back.has_pack);
}

TEST_CASE("an answer of a web server has a status, headers and a body") {
    const auto refused = [](const Json& more) {
        CAPTURE(to_line(more).substr(0, 200));
        CHECK(error_of([&] { return web_response_of(answer_with(more)); }).code == "repository.fetch_crashed");
    };
    refused({{"status", 99}});
    refused({{"status", 600}});
    refused({{"status", "200"}});
    refused({{"body", "no base64!"}});
    refused({{"headers", 7}});
    refused({{"certificate", {{"begins", 0}, {"ends", std::uint64_t{1} << 63U}}}});
    refused({{"headers", {{"a", 7}}}});
    refused({{"headers", {{"a", std::string(16385, 'x')}}}});
    refused({{"headers", {{std::string(257, 'x'), ""}}}});
    Json many = Json::object();
    for (int i = 0; i < 201; ++i) {
        many["h" + std::to_string(i)] = "";
    }
    refused({{"headers", many}});
    const WebResponse response = web_response_of(
        answer_with({{"status", 503}, {"headers", {{"retry-after", "7\r\nx"}}}, {"body", encode_base64("hello")}}));
    CHECK(response.status == 503);
    CHECK(response.headers.at("retry-after") == "7  x");
    CHECK(response.body == "hello");
    CHECK_FALSE(response.certificate);
    const WebResponse over_tls = web_response_of(answer_with({{"certificate", {{"begins", 10}, {"ends", 20}}}}));
    CHECK(over_tls.certificate->begins.time_since_epoch() == std::chrono::seconds(10));
    CHECK(over_tls.certificate->ends.time_since_epoch() == std::chrono::seconds(20));
}
