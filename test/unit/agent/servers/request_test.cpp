#include "agent/servers/request.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;
using namespace std::chrono_literals;

namespace {

/// Each member of it that travels differs from the default, or one that is forgotten on the way would not be noticed.
DownloadRequest full_request() {
    return {
        .kind = DownloadRequest::Kind::answer,
        .folder = "/d",
        .file = "pack",
        .trust =
            {.ca_pem = "ca\n", .client_certificate = "cert", .client_key = "key", .proxy = "http://p", .no_proxy = "n"},
        .patience = {.connect = 3ms, .stall = 4ms},
        .least_rate = 5,
        .url = "ssh://git@h/x",
        .user = "u",
        .password = "hunter2\"\n",
        .ssh_key = "k\n",
        .known_hosts = "h\n",
        .wish = {.revision = "main",
                 .with_tags = true,
                 .with_history = true,
                 .haves = {"a", "b"},
                 .shallow = {"c"},
                 .complete = {"d"}},
        .web = {.method = "POST",
                .url = "https://h/",
                .headers = {{"a", "1"}, {"a", "2"}},
                .body = "{}",
                .user = "wu",
                .password = "wp",
                .signature =
                    AwsSignature{
                        .access_key = "ak", .secret_key = "sk", .session_token = "st", .region = "re", .service = "se"},
                .follow_redirects = true,
                .max_bytes = 77,
                .with_certificate = true},
        .sha256 = "5a",
        .unpacks = true,
        .archives = {{.web = {.url = "https://f/a"}, .sha256 = "6b"}},
        .program = "/r10k",
        .puppetfile = "mod 'a'\n",
        .credentials = "c\n"};
}

}  // namespace

TEST_CASE("a request survives the way to the program that downloads, field by field") {
    const DownloadRequest request = full_request();
    const Json leaves = to_json(request).flatten();
    const Json defaults = to_json(DownloadRequest{}).flatten();
    for (const auto& [leaf, value] : defaults.items()) {
        CAPTURE(leaf);
        CHECK_FALSE((leaves.contains(leaf) && leaves.at(leaf) == value));
    }
    const DownloadRequest back = download_request_from_json(Json::parse(to_line(to_json(request))));
    CHECK(back.kind == DownloadRequest::Kind::answer);
    CHECK(back.folder == "/d");
    CHECK(back.file == "pack");
    CHECK(back.trust.ca_pem == "ca\n");
    CHECK(back.trust.client_certificate == "cert");
    CHECK(back.trust.client_key == "key");
    CHECK(back.trust.proxy == "http://p");
    CHECK(back.trust.no_proxy == "n");
    CHECK(back.patience.connect == 3ms);
    CHECK(back.patience.stall == 4ms);
    CHECK(back.least_rate == 5);
    CHECK(back.url == "ssh://git@h/x");
    CHECK(back.user == "u");
    CHECK(back.password == "hunter2\"\n");
    CHECK(back.ssh_key == "k\n");
    CHECK(back.known_hosts == "h\n");
    CHECK(back.wish.revision == "main");
    CHECK(back.wish.with_tags);
    CHECK(back.wish.with_history);
    CHECK(back.wish.haves == std::vector<std::string>{"a", "b"});
    CHECK(back.wish.shallow == std::vector<std::string>{"c"});
    CHECK(back.wish.complete == std::vector<std::string>{"d"});
    CHECK(back.web.method == "POST");
    CHECK(back.web.url == "https://h/");
    CHECK(back.web.headers == std::vector<std::pair<std::string, std::string>>{{"a", "1"}, {"a", "2"}});
    CHECK(back.web.body == "{}");
    CHECK(back.web.user == "wu");
    CHECK(back.web.password == "wp");
    REQUIRE(back.web.signature);
    CHECK(back.web.signature->access_key == "ak");
    CHECK(back.web.signature->secret_key == "sk");
    CHECK(back.web.signature->session_token == "st");
    CHECK(back.web.signature->region == "re");
    CHECK(back.web.signature->service == "se");
    CHECK(back.web.follow_redirects);
    CHECK(back.web.max_bytes == 77);
    CHECK(back.web.with_certificate);
    REQUIRE(back.archives.size() == 1);
    CHECK(back.archives[0].web.url == "https://f/a");
    CHECK(back.archives[0].sha256 == "6b");
    CHECK(back.program == "/r10k");
    CHECK(back.puppetfile == "mod 'a'\n");
    CHECK(back.credentials == "c\n");
    CHECK(to_json(back) == to_json(request));
}

TEST_CASE("a request without a signature has none on the other side, and rubbish is no request") {
    CHECK_FALSE(download_request_from_json(to_json(DownloadRequest{})).web.signature);
    CHECK(download_request_from_json(to_json(DownloadRequest{})).kind == DownloadRequest::Kind::git);
    CHECK_THROWS(download_request_from_json(Json::parse("{}")));
    CHECK_THROWS(download_request_from_json(Json::parse("7")));
}

TEST_CASE("a request to download that lacks any of its members is none") {
    const Json sent = to_json(full_request());
    const Json leaves = sent.flatten();
    for (const auto& [leaf, value] : leaves.items()) {
        const Json::json_pointer pointer(leaf);
        Json less = sent;
        if (less.at(pointer.parent_pointer()).is_object()) {  // a list may be shorter
            CAPTURE(leaf);
            less.at(pointer.parent_pointer()).erase(pointer.back());
            CHECK_THROWS_AS(download_request_from_json(less), Json::exception);
        }
    }
    for (const char* member : {"trust", "patience", "wish", "web"}) {
        CAPTURE(member);
        Json less = sent;
        less.erase(member);
        CHECK_THROWS_AS(download_request_from_json(less), Json::exception);
    }
}

TEST_CASE("what is downloaded travels by name, and a name that no kind has is refused") {
    using Kind = DownloadRequest::Kind;
    for (const auto& [kind, name] :
         {std::pair(Kind::git, "git"), std::pair(Kind::snapshot, "snapshot"), std::pair(Kind::file, "file"),
          std::pair(Kind::releases, "releases"), std::pair(Kind::answer, "answer"), std::pair(Kind::r10k, "r10k")}) {
        const Json sent = to_json(DownloadRequest{.kind = kind});
        CHECK(sent.at("kind") == name);
        CHECK(download_request_from_json(sent).kind == kind);
    }
    for (const Json& wrong : {Json("ftp"), Json(""), Json(0), Json()}) {
        CAPTURE(to_line(wrong));
        Json sent = to_json(DownloadRequest{});
        sent["kind"] = wrong;
        CHECK_THROWS(download_request_from_json(sent));
    }
}
