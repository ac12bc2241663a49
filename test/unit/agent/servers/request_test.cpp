#include "agent/servers/request.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;
using namespace std::chrono_literals;

TEST_CASE("a request survives the way to the program that downloads, field by field") {
    const DownloadRequest request{
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
                .max_bytes = 77}};
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
}

TEST_CASE("a request without a signature has none on the other side, and rubbish is no request") {
    CHECK_FALSE(download_request_from_json(to_json(DownloadRequest{})).web.signature);
    CHECK(download_request_from_json(to_json(DownloadRequest{})).kind == DownloadRequest::Kind::git);
    CHECK_THROWS(download_request_from_json(Json::parse("{}")));
    CHECK_THROWS(download_request_from_json(Json::parse("7")));
}
