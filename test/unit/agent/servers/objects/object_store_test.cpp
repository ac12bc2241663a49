#include "agent/servers/objects/object_store.hpp"

#include "agent/servers/cloud_request.hpp"
#include "test/fakes/errors.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <cstddef>
#include <string>
#include <utility>

using namespace bootwright;

namespace {

constexpr const char* pin = "0123456789abcdef0123456789abcdef01234567";
const std::string file = std::string(pin) + ".bundle";

Stores amazon() {
    return {.identity = CloudIdentity{.access_key = "AKIDEXAMPLE",
                                      .secret_key = "hunter2",
                                      .session_token = "hunter2-session",
                                      .region = "eu-west-1"}};
}
Stores bearer() { return {.identity = CloudIdentity{.bearer_token = "hunter2-bearer"}}; }

WebRequest request(const std::string& place, const Stores& stores) { return snapshot_request(place, pin, stores); }

using Headers = std::vector<std::pair<std::string, std::string>>;

}  // namespace

TEST_CASE("snapshots are told from git by their scheme, or by the revision's place in the URL") {
    for (const char* place : {"s3://bucket/a", "gs://bucket", "az://account/container", "https://h/{revision}.bundle",
                              "http://h/a/{revision}/b"}) {
        CHECK(is_snapshot_url(place));
    }
    for (const char* place : {"", "https://h/a.git", "ssh://h/{revision}", "file:///{revision}.bundle", "git://h/a"}) {
        CAPTURE(place);
        CHECK_FALSE(is_snapshot_url(place));
    }
}

TEST_CASE("a snapshot on Amazon's S3 is asked for at the bucket's own host, signed") {
    const WebRequest asked = request("s3://example-bucket/puppet/snapshots/", amazon());
    CHECK(asked.method == "GET");
    CHECK(asked.url == "https://example-bucket.s3.eu-west-1.amazonaws.com/puppet/snapshots/" + file);
    CHECK(asked.headers ==
          Headers{{"x-amz-content-sha256", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}});
    REQUIRE(asked.signature);
    CHECK(asked.signature->service == "s3");
    CHECK(asked.signature->region == "eu-west-1");
    CHECK(asked.signature->access_key == "AKIDEXAMPLE");
    CHECK(asked.signature->secret_key == "hunter2");
    CHECK(asked.signature->session_token == "hunter2-session");
    CHECK_FALSE(asked.follow_redirects);
    CHECK(request("s3://example-bucket", amazon()).url == "https://example-bucket.s3.eu-west-1.amazonaws.com/" + file);
}

TEST_CASE("a bucket with dots is asked for by path, since no certificate fits its host") {
    CHECK(request("s3://puppet.example.com/a", amazon()).url ==
          "https://s3.eu-west-1.amazonaws.com/puppet.example.com/a/" + file);
}

TEST_CASE("the image's region and keys win over the instance's") {
    Stores stores = amazon();
    stores.s3_region = "cn-north-1";
    stores.s3_keys = CloudIdentity{.access_key = "KEY", .secret_key = "hunter2"};
    const WebRequest asked = request("s3://bucket/a", stores);
    CHECK(asked.url == "https://bucket.s3.cn-north-1.amazonaws.com.cn/a/" + file);
    CHECK(asked.signature->region == "cn-north-1");
    CHECK(asked.signature->access_key == "KEY");
    CHECK(asked.signature->session_token.empty());
}

TEST_CASE("an S3-compatible server is asked by path") {
    Stores stores{.s3_endpoint = "http://swift.example.com:8080",
                  .s3_keys = CloudIdentity{.access_key = "KEY", .secret_key = "hunter2"}};
    CHECK(request("s3://bucket/a", stores).url == "http://swift.example.com:8080/bucket/a/" + file);
    CHECK(request("s3://bucket/a", stores).signature->region == "us-east-1");
    stores.s3_region = "RegionOne";
    CHECK(request("s3://bucket/a", stores).signature->region == "RegionOne");
}

TEST_CASE("a snapshot on Google's and on Microsoft's store is asked for with a token") {
    const WebRequest google = request("gs://example_bucket/a+b", bearer());
    CHECK(google.url == "https://storage.googleapis.com/example_bucket/a%2Bb/" + file);
    CHECK(google.headers == Headers{{"Authorization", "Bearer hunter2-bearer"}});
    const WebRequest azure = request("az://account1/container-1/a/b", bearer());
    CHECK(azure.url == "https://account1.blob.core.windows.net/container-1/a/b/" + file);
    CHECK(azure.headers == Headers{{"x-ms-version", "2020-04-08"}, {"Authorization", "Bearer hunter2-bearer"}});
    CHECK(request("az://account1/$web", bearer()).url == "https://account1.blob.core.windows.net/%24web/" + file);
    CHECK_FALSE(google.follow_redirects);
    CHECK_FALSE(azure.follow_redirects);
}

TEST_CASE("a snapshot on a web server is asked for where the URL says, and may be elsewhere") {
    const WebRequest asked = request("https://user:hunter2@h/a/{revision}/{revision}.bundle?x=1", {});
    CHECK(asked.url == "https://user:hunter2@h/a/" + std::string(pin) + "/" + file + "?x=1");
    CHECK(asked.follow_redirects);
    CHECK(asked.headers.empty());
    CHECK_FALSE(asked.signature);
}

TEST_CASE("an object's name is encoded once, as Amazon's signature wants it") {
    CHECK(uri_encoded("a/b-c._~Z9") == "a/b-c._~Z9");
    CHECK(uri_encoded("a b+c=d%20\xC3\xA9'(){}") == "a%20b%2Bc%3Dd%2520%C3%A9%27%28%29%7B%7D");
    CHECK(request("s3://bucket/team=a/b+c", amazon()).url ==
          "https://bucket.s3.eu-west-1.amazonaws.com/team%3Da/b%2Bc/" + file);
}

TEST_CASE("what is no place of snapshots is refused, and credentials in it are not shown") {
    const std::string place = GENERATE(values<std::string>({
        "s3://",
        "s3:///a",
        "s3://Bucket/a",
        "s3://ab/a",
        "s3://-bucket/a",
        "s3://bucket-/a",
        "s3://a..b/a",
        "s3://bucket.evil.example.com@h/a",
        "s3://user:hunter2@bucket/a",
        "s3://bucket_1/a",
        "s3://bucket/../other",
        "s3://bucket/a/./b",
        "s3://bucket/a//b",
        "s3://bucket/a?versionId=1",
        "s3://bucket/a#b",
        "s3://bucket:9000/a",
        "gs://Bucket",
        "gs://b%2e/a",
        "az://account",
        "az://account/",
        "az://Account1/container",
        "az://account-1/container",
        "az://account1/Container",
        "az://account1/../x",
        "az://evil.example.com/container",
        "https://{revision}.example.com/a",
        "https://user:hunter2@{revision}/a",
        "https://user:{revision}hunter2@h/a",
        "https://h?{revision}",
        "https://h/a.git",
        "file:///{revision}",
        "",
    }));
    CAPTURE(place);
    Stores stores = amazon();
    stores.identity->bearer_token = "hunter2";
    const Error error = error_of([&] { return request(place, stores); });
    CHECK(error.code == (place.empty() || Url::parse(place) ? "server.url_invalid" : "url.invalid"));
    CHECK(error.kind == ErrorKind::permanent);
    CHECK(error.message.find("hunter2") == std::string::npos);
    CHECK_FALSE(error.advice.empty());
}

TEST_CASE("a bucket's name has three signs at least, and as many as its store allows at most") {
    for (const auto& [scheme, longest] : {std::pair<std::string, std::size_t>{"s3://", 63}, {"gs://", 222}}) {
        const auto asked = [&, scheme = scheme](std::size_t length) {
            return request(scheme + std::string(length, 'b') + "/a", scheme == "s3://" ? amazon() : bearer())
                .url.shown();
        };
        CHECK(asked(3).find("bbb") != std::string::npos);
        CHECK(asked(longest).find(std::string(longest, 'b')) != std::string::npos);
        for (const std::size_t length : {std::size_t{2}, longest + 1}) {
            CHECK(error_of([&] { return asked(length); }).code == "server.url_invalid");
        }
    }
}

TEST_CASE("a revision that is no full commit id never gets into a URL") {
    for (const char* revision : {"", "main", "../../x", "0123456789ABCDEF0123456789ABCDEF01234567",
                                 "0123456789abcdef0123456789abcdef0123456/"}) {
        CAPTURE(revision);
        CHECK(error_of([&] { return snapshot_request("s3://bucket/a", revision, amazon()); }).code ==
              "git.revision_invalid");
    }
}

TEST_CASE("without the identity that it wants no object store is asked") {
    for (const char* place : {"s3://bucket/a", "gs://bucket/a", "az://account1/container/a"}) {
        CAPTURE(place);
        const bool is_amazon = std::string(place).starts_with("s3");
        for (const Stores& stores : {Stores{.s3_region = "eu-west-1"}, is_amazon ? bearer() : amazon()}) {
            Stores with_region = stores;
            with_region.s3_region = "eu-west-1";
            const Error error = error_of([&] { return request(place, with_region); });
            CHECK(error.code == "repository.no_identity");
            CHECK(error.kind == ErrorKind::permanent);
            CHECK(error.message.find("hunter2") == std::string::npos);
            CHECK(error.message.find(place) != std::string::npos);
        }
        CHECK(needs_identity(place, {}));
    }
    CHECK_FALSE(needs_identity("https://h/{revision}", {}));
    CHECK_FALSE(needs_identity("s3://bucket/a", {.s3_keys = CloudIdentity{}}));
    CHECK_FALSE(needs_identity("https://h/a.git", {}));
}

TEST_CASE("an S3 region that could be another host is refused") {
    for (const char* region : {"", "evil.example.com/", "a@b"}) {
        CAPTURE(region);
        Stores stores = amazon();
        stores.identity->region = region;
        CHECK(error_of([&] { return request("s3://bucket/a", stores); }).code == "server.url_invalid");
    }
}

TEST_CASE("a release at a mirror is called by its SHA-256, in a web folder as in a store") {
    const std::string sha256(64, 'a');
    const auto url = [&](const char* mirror, const Stores& stores) {
        return mirrored_release_request(mirror, sha256, stores).url;
    };
    const std::string name = "/" + sha256 + ".tar.gz";
    CHECK(url("https://mirror.example.com/releases/", {}) == "https://mirror.example.com/releases" + name);
    CHECK(url("http://mirror.example.com", {}) == "http://mirror.example.com" + name);
    CHECK(url("https://u:p@mirror.example.com/a?sig=x", {}) == "https://u:p@mirror.example.com/a" + name + "?sig=x");
    CHECK(url("s3://bucket/a/", amazon()) == "https://bucket.s3.eu-west-1.amazonaws.com/a" + name);
    CHECK(url("gs://bucket", bearer()) == "https://storage.googleapis.com/bucket" + name);
    CHECK(url("az://account1/container/a", bearer()) == "https://account1.blob.core.windows.net/container/a" + name);
    CHECK(error_of([&] { return mirrored_release_request("s3://bucket/a", sha256, {}); }).code ==
          "repository.no_identity");
    CHECK(error_of([&] { return mirrored_release_request("s3://bucket/a?b", sha256, amazon()); }).code ==
          "server.url_invalid");
}
