// What each secret store is asked, and what its answers mean. The answers are those of test/fixtures/secret_stores/KIND.json,
// written from the vendors' documentation; a new store is tested here as soon as its file is there.

#include "agent/servers/secrets/secret_store.hpp"

#include "common/base/text.hpp"
#include "test/fakes/errors.hpp"
#include "test/fakes/fake_system.hpp"
#include "test/fakes/fixtures.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>

#include <algorithm>
#include <set>

using namespace bootwright;

namespace {

const CloudIdentity amazon{.access_key = "AKIDEXAMPLE",
                           .secret_key = "hunter2-key",
                           .session_token = "hunter2-session",
                           .region = "eu-west-1"};
const CloudIdentity bearer{.bearer_token = "hunter2-bearer"};

/// A name that is one, and the identity that its store wants.
struct Known {
    const char* kind;
    const char* name;
    CloudIdentity identity;
};
const std::vector<Known>& known() {
    static const std::vector<Known> all{{"aws_secret", "git/token", amazon},
                                        {"aws_parameter", "/git/token", amazon},
                                        {"gcp_secret", "projects/example/secrets/git-token", bearer},
                                        {"azure_secret", "example-vault/git-token", bearer}};
    return all;
}

const SecretStore& store(std::string_view kind) {
    const SecretStore* found = find_secret_store(kind);
    REQUIRE(found != nullptr);
    return *found;
}

WebRequest request_for(const char* kind, const std::string& name, const CloudIdentity& identity,
                       const std::string& endpoint = "") {
    return secret_request(store(kind), name, identity, endpoint);
}

WebResponse response_of_row(const Json& row) {
    WebResponse response{.status = static_cast<int>(number_at(row, "status"))};
    for (const auto& [name, value] : row.at("headers").items()) {
        response.headers[lower(name)] = value.get<std::string>();
    }
    const Json& body = row.at("body");
    response.body = body.is_string() ? body.get<std::string>() : to_line(body);
    return response;
}

std::string header(const WebRequest& request, std::string_view name) {
    for (const auto& [key, value] : request.headers) {
        if (key == name) {
            return value;
        }
    }
    return "-";
}

}  // namespace

TEST_CASE("every secret store has its recorded answers, and its key in the image's configuration") {
    std::set<std::string> kinds;
    for (const SecretStore* one : Registered<SecretStore>::all()) {
        const std::string kind(one->kind.name);
        CAPTURE(kind);
        CHECK(kinds.insert(kind).second);
        CHECK(std::filesystem::exists(fixture_path("secret_stores/" + kind + ".json")));
        const FakeSystem fake;
        fake.root.write(
            "/etc/bootwright/agent.json",
            R"({"repository": {"credentials": [{"host": "h", "user": "u", "from": {")" + kind + R"(": "x"}}]}})");
        CHECK(read_agent_config(fake.system).repository.credentials.at(0).password->kind == kind);
        CHECK(std::any_of(known().begin(), known().end(), [&](const Known& row) { return kind == row.kind; }));
    }
    CHECK(find_secret_store("file") == nullptr);
    CHECK(find_secret_store("credential") == nullptr);
    std::size_t files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(fixture_path("secret_stores"))) {
        files += kinds.contains(entry.path().stem()) ? 1U : 0U;
    }
    CHECK(files == kinds.size());
}

TEST_CASE("every recorded answer of a secret store is a secret, or the error that it means") {
    const Known row = GENERATE(from_range(known()));
    for (const Json& answer : Json::parse(fixture(std::string("secret_stores/") + row.kind + ".json"))) {
        CAPTURE(row.kind, string_at(answer, "case"));
        const WebResponse response = response_of_row(answer);
        if (answer.contains("expected")) {
            CHECK(read_secret(store(row.kind), row.name, response) == string_at(answer, "expected"));
            continue;
        }
        const Error error = error_of([&] { return read_secret(store(row.kind), row.name, response); });
        CHECK(error.code == string_at(answer, "error"));
        CHECK((error.kind == ErrorKind::transient) == (error.code == "repository.secret_unavailable"));
        CHECK(error.message.find(row.name) != std::string::npos);
        CHECK(error.message.find("hunter2") == std::string::npos);
        CHECK_FALSE(error.advice.empty());
        const auto wish = number_at(answer, "retry_after");
        CHECK(error.retry_after.has_value() == (wish > 0));
        if (wish > 0) {
            CHECK(error.retry_after == std::chrono::seconds(wish));
        }
        if (error.code == "repository.secret_denied") {
            CHECK(error.advice.find(store(row.kind).right) != std::string::npos);
        }
    }
}

TEST_CASE("a fault's word is shown only if it is one") {
    for (const char* body : {R"({"__type": "hunter2 is the password"})", R"({"__type": 7})", R"({"error": "hunter2"})",
                             R"({"error": {"code": ["hunter2"]}})", R"(["hunter2"])", "hunter2", "null", "7"}) {
        CAPTURE(body);
        const Error error =
            error_of([&] { return read_secret(store("aws_secret"), "x", {.status = 400, .body = body}); });
        CHECK(error.code == "repository.secret_denied");
        CHECK(error.message.find("hunter2") == std::string::npos);
    }
}

TEST_CASE("a secret of more than 64 KiB is refused, and one of just so many is not") {
    const auto answer = [](std::size_t size) {
        return WebResponse{.status = 200, .body = to_line({{"SecretString", std::string(size, 'x')}})};
    };
    CHECK(read_secret(store("aws_secret"), "x", answer(65536)).size() == 65536);
    CHECK(error_of([&] { return read_secret(store("aws_secret"), "x", answer(65537)); }).code ==
          "repository.secret_not_found");
}

TEST_CASE("only the line's end is taken from a secret") {
    const auto value = [](const std::string& text) {
        return read_secret(store("aws_secret"), "x", {.status = 200, .body = to_line({{"SecretString", text}})});
    };
    CHECK(value(" a\nb \r\n\n") == " a\nb ");
}

TEST_CASE("AWS Secrets Manager is asked by a signed POST in the instance's region") {
    const WebRequest request = request_for("aws_secret", "git/token", amazon);
    CHECK(request.method == "POST");
    CHECK(request.url == "https://secretsmanager.eu-west-1.amazonaws.com/");
    CHECK(header(request, "X-Amz-Target") == "secretsmanager.GetSecretValue");
    CHECK(header(request, "Content-Type") == "application/x-amz-json-1.1");
    CHECK(Json::parse(request.body) == Json{{"SecretId", "git/token"}});
    REQUIRE(request.signature);
    CHECK(request.signature->access_key == "AKIDEXAMPLE");
    CHECK(request.signature->secret_key == "hunter2-key");
    CHECK(request.signature->session_token == "hunter2-session");
    CHECK(request.signature->region == "eu-west-1");
    CHECK(request.signature->service == "secretsmanager");
    CHECK_FALSE(request.follow_redirects);
}

TEST_CASE("an ARN names the region of its secret, and China has a domain of its own") {
    const WebRequest request =
        request_for("aws_secret", "arn:aws:secretsmanager:us-east-2:123456789012:secret:git/token-a1b2c3", amazon);
    CHECK(request.url == "https://secretsmanager.us-east-2.amazonaws.com/");
    CHECK(request.signature->region == "us-east-2");
    CHECK(request_for("aws_parameter", "arn:aws-cn:ssm:cn-north-1:123456789012:parameter/t", amazon).url ==
          "https://ssm.cn-north-1.amazonaws.com.cn/");
}

TEST_CASE("a region that could be another host is refused") {
    for (const char* region : {"", "evil.example.com/", "a@b", "eu west", "-a"}) {
        CAPTURE(region);
        CloudIdentity identity = amazon;
        identity.region = region;
        const Error error = error_of([&] { return request_for("aws_secret", "git/token", identity); });
        CHECK(error.code == "server.url_invalid");
        CHECK(error.kind == ErrorKind::permanent);
    }
}

TEST_CASE("AWS's parameter store is asked for the decrypted value") {
    const WebRequest request = request_for("aws_parameter", "/git/token", amazon);
    CHECK(request.url == "https://ssm.eu-west-1.amazonaws.com/");
    CHECK(header(request, "X-Amz-Target") == "AmazonSSM.GetParameter");
    CHECK(Json::parse(request.body) == Json{{"Name", "/git/token"}, {"WithDecryption", true}});
    CHECK(request.signature->service == "ssm");
}

TEST_CASE("Google's store is asked for the latest version, or for the one that is named") {
    const WebRequest request = request_for("gcp_secret", "projects/example/secrets/git-token", bearer);
    CHECK(request.method == "GET");
    CHECK(request.url ==
          "https://secretmanager.googleapis.com/v1/projects/example/secrets/git-token/versions/latest:access");
    CHECK(header(request, "Authorization") == "Bearer hunter2-bearer");
    CHECK_FALSE(request.signature);
    CHECK(request_for("gcp_secret", "projects/1/secrets/t/versions/3", bearer)
              .url.path()
              .ends_with("/t/versions/3:access"));
}

TEST_CASE("Azure's vault is asked at its own address") {
    const WebRequest request = request_for("azure_secret", "example-vault/git-token", bearer);
    CHECK(request.url == "https://example-vault.vault.azure.net/secrets/git-token?api-version=7.4");
    CHECK(header(request, "Authorization") == "Bearer hunter2-bearer");
    CHECK(request_for("azure_secret", "v1/t/4387e9f3d6e14c459867679a90fd0f79", bearer).url ==
          "https://v1.vault.azure.net/secrets/t/4387e9f3d6e14c459867679a90fd0f79?api-version=7.4");
}

TEST_CASE("an endpoint of the image stands in the place of each store's host, and of nothing else") {
    const Known row = GENERATE(from_range(known()));
    CAPTURE(row.kind);
    const Url plain = request_for(row.kind, row.name, row.identity).url;
    const Url moved = request_for(row.kind, row.name, row.identity, "https://vpce-1.example.com:8443").url;
    CHECK(moved == "https://vpce-1.example.com:8443" + plain.target());
}

TEST_CASE("without the identity that it wants no store is asked") {
    const Known row = GENERATE(from_range(known()));
    CAPTURE(row.kind);
    const CloudIdentity other = row.identity.bearer_token.empty() ? bearer : amazon;
    for (const std::optional<CloudIdentity>& identity :
         {std::optional<CloudIdentity>(), std::optional(CloudIdentity{}), std::optional(other)}) {
        const Error error = error_of([&] { return secret_request(store(row.kind), row.name, identity, ""); });
        CHECK(error.code == "repository.no_identity");
        CHECK(error.kind == ErrorKind::permanent);
        CHECK(error.message.find("hunter2") == std::string::npos);
    }
}

TEST_CASE("a name is as long as its store's names may be, and no longer") {
    CHECK_NOTHROW(request_for("aws_secret", std::string(2048, 'a'), amazon));
    CHECK(error_of([] { return request_for("aws_secret", std::string(2049, 'a'), amazon); }).kind ==
          ErrorKind::permanent);
}

TEST_CASE("a name that could lead elsewhere is no name") {
    struct Row {
        const char* kind;
        std::string name;
    };
    const Row row = GENERATE(values<Row>({
        {"aws_secret", ""},
        {"aws_secret", "a b"},
        {"aws_secret", "a\"b"},
        {"aws_secret", std::string(2049, 'x')},
        {"aws_parameter", "a?b"},
        {"gcp_secret", "git-token"},
        {"gcp_secret", "projects/a/secrets"},
        {"gcp_secret", "projects/../secrets/b"},
        {"gcp_secret", "projects/a/secrets/.."},
        {"gcp_secret", "projects/a/secrets/b/versions/"},
        {"gcp_secret", "projects/a/secrets/b/versions/1?alt=x"},
        {"gcp_secret", "projects/a/secrets/b/other/1"},
        {"azure_secret", "vault"},
        {"azure_secret", "evil.example.com/x"},
        {"azure_secret", "evil.example.com#/x"},
        {"azure_secret", "-vault/x"},
        {"azure_secret", "vault/"},
        {"azure_secret", "vault/.."},
        {"azure_secret", "vault/x/y/z"},
        {"azure_secret", "vault/x?y"},
    }));
    CAPTURE(row.kind, row.name);
    const Error error = error_of([&] { return secret_request(store(row.kind), row.name, amazon, ""); });
    CHECK(error.code == "repository.secret_name_invalid");
    CHECK(error.kind == ErrorKind::permanent);
    CHECK(error.advice.find(store(row.kind).example) != std::string::npos);
}
