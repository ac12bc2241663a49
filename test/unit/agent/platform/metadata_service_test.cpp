#include "agent/platform/metadata_service.hpp"

#include "test/fakes/errors.hpp"
#include "test/fakes/fake_system.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;
using namespace std::chrono_literals;

namespace {

constexpr const char* second = "http://[fd00::1]";

struct World {
    FakeSystem fake{};
    MetadataService service{.endpoints = {"http://169.254.169.254", second}};
    AgentConfig config{};

    MetadataClient client() { return {fake.system, config, service, {}}; }
    Error failure(const std::string& path = "/x") {
        return error_of([&] { return client().get(path); });
    }
};

HttpResponse status(int code) { return {.status = code}; }

HttpRequest get(const std::string& path) { return {.url = "http://169.254.169.254" + path}; }

}  // namespace

TEST_CASE("of two addresses the first that answers is asked from then on") {
    World world;
    const std::string base = std::string("GET ") + second;
    world.fake.http.answer(base + "/x", "one");
    world.fake.http.answer(base + "/y", "two");
    MetadataClient client = world.client();
    CHECK(client.get("/x") == "one");
    CHECK(client.get("/y") == "two");
    CHECK(world.fake.http.asked() == std::vector<std::string>{"GET /x", base + "/x", base + "/y"});
}

TEST_CASE("an address whose service is broken loses against one whose service is not") {
    World world;
    world.fake.http.answer_status("GET /x", 500);
    world.fake.http.answer(std::string("GET ") + second + "/x", "two");
    CHECK(world.client().get("/x") == "two");
    world.fake.http.answer_status("GET /x", 404);  // it answers: there is none
    CHECK(world.client().get("/x") == std::nullopt);
}

TEST_CASE("where no address answers, the first one's failure is told, with its wish for the next try") {
    World world;
    CHECK(world.failure().code == "http.unreachable");
    world.fake.http.answer("GET /x", {HttpResponse{.status = 503, .headers = {{"retry-after", "9"}}}});
    CHECK(world.failure().code == "platform.unexpected_answer");
    CHECK(world.failure().retry_after == 9s);
    CHECK(world.failure().message.find("GET http://169.254.169.254/x: HTTP status 503") != std::string::npos);
}

TEST_CASE("a page is never metadata, whatever its status says") {
    World world;
    for (const char* body : {"<html>", "  <!DOCTYPE HTML PUBLIC", "<HTML><body>sign in"}) {
        world.fake.http.answer("GET /x", body);
        CHECK(world.failure().code == "platform.unexpected_answer");
    }
    world.fake.http.answer("GET /x", "<xml/>");
    CHECK(world.client().get("/x") == "<xml/>");
}

TEST_CASE("an answer that lacks the vendor's header is none, not even of absence") {
    World world;
    world.service.proof = {{"metadata-flavor", "Google"}};
    for (const int code : {200, 404, 500}) {
        world.fake.http.answer("GET /x", {status(code)});
        CHECK(world.failure().code == "platform.unexpected_answer");
    }
    world.fake.http.answer("GET /x", {HttpResponse{.status = 404, .headers = {{"metadata-flavor", "Google"}}}});
    CHECK(world.client().get("/x") == std::nullopt);
}

TEST_CASE("an answer that lacks the vendor's header wins no race: the other address is heard") {
    World world;
    world.service.proof = {{"metadata-flavor", "Google"}};
    const std::string other = std::string("GET ") + second + "/x";
    world.fake.http.answer("GET /x", "a stranger's");
    world.fake.http.answer(
        other, {HttpResponse{.status = 200, .headers = {{"metadata-flavor", "Google"}}, .body = "the cloud's"}});
    CHECK(world.client().get("/x") == "the cloud's");
    // Nor does one win that denies there is anything.
    world.fake.http.answer_status("GET /x", 404);
    CHECK(world.client().get("/x") == "the cloud's");
}

TEST_CASE("what counts as absent is the cloud's own table") {
    World world;
    world.service.absent = {410};
    world.fake.http.answer_status("GET /x", 410);
    CHECK(world.client().get("/x") == std::nullopt);
    world.fake.http.answer_status("GET /x", 404);
    CHECK(world.failure().code == "platform.unexpected_answer");
}

TEST_CASE("a folder's names are bare, and so many that no hostile list costs a thousand requests") {
    World world;
    world.fake.http.answer("GET /tags", "Name\n\nfolder/\n  x \r\n");
    CHECK(world.client().get_names("/tags") == std::vector<std::string>{"Name", "folder", "x"});
    std::string many;
    for (int i = 0; i < 1000; ++i) {
        many += std::to_string(i) + "\n";
    }
    world.fake.http.answer("GET /tags", many);
    CHECK(world.client().get_names("/tags").size() == 200);
    world.fake.http.answer_status("GET /tags", 404);
    CHECK(world.client().get_names("/tags").empty());
}

TEST_CASE("an object is one, or a failure that may pass") {
    World world;
    for (const char* body : {"", "[]", "{", "text", "\"x\""}) {
        world.fake.http.answer("GET /x", body);
        const Error error = error_of([&] { return world.client().get_object("/x"); });
        CHECK(error.code == "platform.bad_document");
        CHECK(error.kind == ErrorKind::transient);
    }
    world.fake.http.answer_status("GET /x", 404);
    CHECK(error_of([&] { return world.client().get_object("/x"); }).code == "platform.bad_document");
}

TEST_CASE("each request has the image's time limit, and the one for connecting is no longer") {
    World world;
    world.config.metadata_timeout = 500ms;
    world.fake.http.answer("GET /x", "");
    world.client().get("/x");
    CHECK(world.fake.http.requests.back().timeout == 500ms);
    CHECK(world.fake.http.requests.back().connect_timeout == 500ms);
}

TEST_CASE("a tag may be called whatever people call it") {
    World world;
    world.fake.http.answer("GET /tags", "Cost Center\na#b?c%\n\xC3\x9C\nbootwright:role\n");
    world.fake.http.answer("GET /tags/Cost%20Center", "it");
    world.fake.http.answer("GET /tags/a%23b%3Fc%25", "odd");
    world.fake.http.answer("GET /tags/%C3%9C", "u");
    world.fake.http.answer("GET /tags/bootwright:role", "web");
    std::map<std::string, std::string> tags;
    world.client().read_tags_folder(tags, "/tags");
    CHECK(tags == std::map<std::string, std::string>{
                      {"Cost Center", "it"}, {"a#b?c%", "odd"}, {"\xC3\x9C", "u"}, {"bootwright:role", "web"}});
}

TEST_CASE("a token is asked for once, sent with each request, and anew when it has expired") {
    World world;
    world.service.token = {.path = "/token", .header = "X-Token"};
    world.fake.http.answer("PUT /token",
                           {HttpResponse{.status = 200, .body = " one\n"}, HttpResponse{.status = 200, .body = "two"}});
    world.fake.http.answer(
        "GET /x", {HttpResponse{.status = 200, .body = "x"}, status(401), HttpResponse{.status = 200, .body = "x"}});
    MetadataClient client = world.client();
    client.get("/x");
    CHECK(world.fake.http.requests.back().headers == MetadataService::Headers{{"X-Token", "one"}});
    client.get("/x");
    CHECK(world.fake.http.requests.back().headers == MetadataService::Headers{{"X-Token", "two"}});
    CHECK(world.fake.http.asked() ==
          std::vector<std::string>{"PUT /token", "GET /x", "GET /x", "PUT /token", "GET /x"});
}

TEST_CASE("a service without tokens is one only where none is needed, and one that is switched off says so") {
    World world;
    world.fake.http.answer("GET /x", "x");
    for (const int code : {404, 405}) {
        world.service.token = {.path = "/token", .header = "X-Token", .if_missing = "switch it on"};
        world.fake.http.answer_status("PUT /token", code);
        CHECK(world.failure().code == "platform.token_missing");
        CHECK(world.failure().advice == "switch it on");
        world.service.token->is_optional = true;
        CHECK(world.client().get("/x") == "x");
        CHECK(world.fake.http.requests.back().headers.empty());
    }
    world.service.token->if_disabled = "allow it";
    world.fake.http.answer_status("PUT /token", 403);
    CHECK(world.failure().code == "platform.metadata_disabled");
    CHECK(world.failure().advice == "allow it");
    world.fake.http.answer_status("PUT /token", 500);
    CHECK(world.failure().code == "platform.unexpected_answer");
}

TEST_CASE("a token is visible characters, and no more than any service gives: it is to stand in a header") {
    World world;
    world.service.token = {.path = "/token", .header = "X-Token"};
    world.fake.http.answer("GET /x", "x");
    for (const std::string& token : {std::string("!"), std::string("~"), std::string(4096, 'x')}) {
        world.fake.http.answer("PUT /token", token);
        CHECK(world.client().get("/x") == "x");
    }
    for (const std::string& token : {std::string(), std::string("a b"), std::string("a\x7f"), std::string("a\r\nX: y"),
                                     std::string("\xC3\x9C"), std::string(4097, 'x')}) {
        world.fake.http.answer("PUT /token", token);
        CHECK(world.failure().code == "platform.bad_document");
        CHECK(world.failure().message.find(token + "x") == std::string::npos);
    }
}

TEST_CASE("a secret of an identity is one that can stand in a header, and is never shown") {
    const auto required = [](const std::string& secret) {
        return required_secret(Json{{"key", secret}}, "key", "/identity");
    };
    CHECK(required(std::string(16384, 'x')).size() == 16384);
    for (const std::string& secret : {std::string(), std::string("hunter2\n"), std::string(16385, 'x')}) {
        const Error error = error_of([&] { return required(secret); });
        CHECK(error.code == "platform.bad_document");
        CHECK(error.message == "/identity of the metadata service has no key that could be one");
    }
    CHECK(error_of([] { return required_secret(Json{{"key", 7}}, "key", "/identity"); }).kind == ErrorKind::transient);
}

TEST_CASE("of several versions of a document the first that the service knows is read") {
    World world;
    const std::vector<std::string> paths{"/3", "/2", "/1"};
    world.fake.http.answer_status("GET /3", 400);
    world.fake.http.answer_status("GET /2", 404);
    world.fake.http.answer("GET /1", "{}");
    CHECK(world.client().get_object_of_version(paths).second == "/1");
    world.fake.http.answer_status("GET /1", 404);
    CHECK(error_of([&] { return world.client().get_object_of_version(paths); }).code == "platform.bad_document");
    world.fake.http.answer_status("GET /2", 500);  // it may know it, at another time
    CHECK(error_of([&] { return world.client().get_object_of_version(paths); }).code == "platform.unexpected_answer");
}

TEST_CASE("what a service names and is no path is not asked for, and the error names the service") {
    World world;
    const Error error = world.failure("/x\r\nX-Evil: 1");
    CHECK(error.code == "http.bad_url");
    CHECK(error.kind == ErrorKind::permanent);
    CHECK(error.message.find("http://169.254.169.254") != std::string::npos);
    CHECK(world.fake.http.requests.empty());
}

TEST_CASE("a fetch is present, proven absent, or unknown, and unknown is never absent") {
    FakeSystem fake;
    fake.http.answer("GET /present", "body");
    CHECK(fetch(fake.system, get("/present"), {}) == "body");
    fake.http.answer("GET /empty", "");
    CHECK(fetch(fake.system, get("/empty"), {}) == "");
    for (const int status : {404, 204}) {
        fake.http.answer_status("GET /absent", status);
        CHECK(fetch(fake.system, get("/absent"), {}) == std::nullopt);
    }
    for (const int status :
         {0, 100, 201, 202, 206, 301, 302, 304, 400, 401, 403, 405, 410, 429, 500, 502, 503, 504, 599}) {
        CAPTURE(status);
        fake.http.answer_status("GET /unknown", status);
        const Error error = error_of([&] { return fetch(fake.system, get("/unknown"), {}); });
        CHECK(error.kind == ErrorKind::transient);
        CHECK(error.code == (status == 401 ? "platform.token_refused" : "platform.unexpected_answer"));
        CHECK(error.message.find(std::to_string(status)) != std::string::npos);
    }
}

TEST_CASE("the server's own wish for the next try is kept") {
    FakeSystem fake;
    struct Row {
        const char* header;
        std::optional<std::chrono::milliseconds> wanted;
    };
    for (const Row& row : {Row{"7", 7s}, Row{"0", 0s}, Row{"-1", {}}, Row{"", {}}, Row{"soon", {}}, Row{"7 s", {}},
                           Row{"1.5", {}}, Row{"2147483647", 2147483647s}}) {
        CAPTURE(row.header);
        fake.http.answer("GET /busy", {HttpResponse{.status = 503, .headers = {{"retry-after", row.header}}}});
        CHECK(error_of([&] { return fetch(fake.system, get("/busy"), {}); }).retry_after == row.wanted);
    }
    fake.http.answer_status("GET /busy", 503);
    CHECK(error_of([&] { return fetch(fake.system, get("/busy"), {}); }).retry_after == std::nullopt);
}

TEST_CASE("an error of a fetch does not show the credentials of the URL") {
    FakeSystem fake;
    fake.http.answer_status("GET /x", 500);
    CHECK(error_of([&] {
              return fetch(fake.system, {.url = "http://user:hunter2@10.0.0.1/x"}, {});
          }).message.find("hunter2") == std::string::npos);
}
