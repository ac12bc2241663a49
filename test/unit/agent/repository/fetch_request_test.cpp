#include "agent/repository/fetch_request.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;
using namespace std::chrono_literals;

namespace {

/// Where two documents differ, as JSON pointers; of what is compared every leaf must differ from that of the default, or a
/// field that is forgotten on the way would not be noticed.
std::vector<std::string> equal_leaves(const Json& one, const Json& other) {
    std::vector<std::string> equal;
    const Json flat = other.flatten();
    const Json ours = one.flatten();
    for (const auto& [pointer, value] : ours.items()) {
        if (flat.contains(pointer) && flat.at(pointer) == value) {
            equal.push_back(pointer);
        }
    }
    return equal;
}

FetchRequest full_request() {
    FetchRequest request{.repositories = "/r",
                         .checkouts = "/c",
                         .other_checkouts = {"/o", "/p"},
                         .downloads = "/d",
                         .r10k = "/r10k",
                         .download_program = "/p",
                         .places = {"https://user:pass@host/x%40y.git", "s3://b/p"},
                         .name_url = "https://host/x",
                         .revision = "main",
                         .policy = "1 2",
                         .protect = {"one", "two"}};
    request.settings = {.allow_branches_and_tags = true,
                        .ca_file = "/ca",
                        .known_hosts = "/hosts",
                        .ssh_key = "/key",
                        .timeout = 9ms,
                        .stall = 7ms,
                        .keep = 2,
                        .least_rate = 5,
                        .proxy = "http://u:p@proxy",
                        .no_proxy = "a,b",
                        .client_certificate = "/certificate",
                        .client_key = "/client-key",
                        .seed = "/seed",
                        .verify = AgentConfig::Repository::Verify::both,
                        .allowed_signers = "/signers",
                        .keyring = "/ring",
                        .allow_rewritten_branches = true,
                        .not_before = "0123456789012345678901234567890123456789",
                        .insecure = {"one", "two:80"},
                        .puppetfile = AgentConfig::Repository::Puppetfile::ignore};
    request.credentials = {{.credential = {.host = "h",
                                           .user = "u",
                                           .password = SecretSource{"file", "/token"},
                                           .ssh_key = SecretSource{"aws_secret", "key"}},
                            .password = "line one\nline \"two\"",
                            .ssh_key = "-----BEGIN\n",
                            .problem = permanent_error("repository.credential_missing", "what", "do")},
                           {.credential = {.host = "empty"}}};
    request.release_mirrors = {"https://user:pass@mirror/a"};
    request.stores = {
        .s3_endpoint = "https://e",
        .s3_region = "r",
        .s3_keys = CloudIdentity{.access_key = "a", .secret_key = "b"},
        .identity = CloudIdentity{
            .access_key = "c", .secret_key = "d", .session_token = "e", .region = "f", .bearer_token = "g"}};
    request.secrets_identity = CloudIdentity{.bearer_token = "h"};
    request.secrets_endpoint = "https://s";
    return request;
}

}  // namespace

TEST_CASE("a request survives the way to the child that fetches, field by field") {
    const FetchRequest request = full_request();
    const Json sent = to_json(request);
    CHECK(equal_leaves(sent, to_json(FetchRequest{})).empty());
    const FetchRequest back = fetch_request_from_json(Json::parse(to_line(sent)));
    CHECK(to_json(back) == sent);
    CHECK(back.repositories == request.repositories);
    CHECK(back.checkouts == request.checkouts);
    CHECK(back.other_checkouts == request.other_checkouts);
    CHECK(back.downloads == request.downloads);
    CHECK(back.r10k == request.r10k);
    CHECK(back.download_program == request.download_program);
    CHECK(back.places == request.places);
    CHECK(back.name_url == request.name_url);
    CHECK(back.release_mirrors == request.release_mirrors);
    CHECK(back.revision == request.revision);
    CHECK(back.policy == request.policy);
    CHECK(back.protect == request.protect);
    CHECK(back.settings.allow_branches_and_tags);
    CHECK(back.settings.ca_file == request.settings.ca_file);
    CHECK(back.settings.known_hosts == request.settings.known_hosts);
    CHECK(back.settings.ssh_key == request.settings.ssh_key);
    CHECK(back.settings.timeout == request.settings.timeout);
    CHECK(back.settings.stall == request.settings.stall);
    CHECK(back.settings.keep == request.settings.keep);
    CHECK(back.settings.least_rate == request.settings.least_rate);
    CHECK(back.settings.proxy == request.settings.proxy);
    CHECK(back.settings.no_proxy == request.settings.no_proxy);
    CHECK(back.settings.client_certificate == request.settings.client_certificate);
    CHECK(back.settings.client_key == request.settings.client_key);
    CHECK(back.settings.seed == request.settings.seed);
    CHECK(back.settings.verify == request.settings.verify);
    CHECK(back.settings.allowed_signers == request.settings.allowed_signers);
    CHECK(back.settings.keyring == request.settings.keyring);
    CHECK(back.settings.allow_rewritten_branches);
    CHECK(back.settings.not_before == "0123456789012345678901234567890123456789");
    CHECK(back.settings.insecure == std::vector<std::string>{"one", "two:80"});
    CHECK(back.settings.puppetfile == request.settings.puppetfile);
    CHECK(back.stores.s3_endpoint == "https://e");
    CHECK(back.stores.s3_region == "r");
    CHECK(back.stores.s3_keys->secret_key == "b");
    CHECK(back.stores.identity->access_key == "c");
    CHECK(back.stores.identity->secret_key == "d");
    CHECK(back.stores.identity->session_token == "e");
    CHECK(back.stores.identity->region == "f");
    CHECK(back.stores.identity->bearer_token == "g");
    CHECK(back.secrets_identity->bearer_token == "h");
    CHECK(back.secrets_endpoint == "https://s");
}

TEST_CASE("credentials survive the way too: what was read, what is in a store, and why one could not be read") {
    const auto back = fetch_request_from_json(Json::parse(to_line(to_json(full_request())))).credentials;
    REQUIRE(back.size() == 2);
    CHECK(back[0].credential.host == "h");
    CHECK(back[0].credential.user == "u");
    CHECK(back[0].credential.password->kind == "file");
    CHECK(back[0].credential.password->name == "/token");
    CHECK(back[0].credential.ssh_key->kind == "aws_secret");
    CHECK(back[0].password == "line one\nline \"two\"");
    CHECK(back[0].ssh_key == "-----BEGIN\n");
    REQUIRE(back[0].problem);
    CHECK(back[0].problem->code == "repository.credential_missing");
    CHECK(back[0].problem->kind == ErrorKind::permanent);
    CHECK(back[0].problem->advice == "do");
    CHECK(back[1].credential.host == "empty");
    CHECK_FALSE(back[1].credential.password);
    CHECK_FALSE(back[1].credential.ssh_key);
    CHECK_FALSE(back[1].password);
    CHECK_FALSE(back[1].ssh_key);
    CHECK_FALSE(back[1].problem);
}

TEST_CASE("a request without what may be missing survives it as well, and rubbish is none") {
    const FetchRequest back = fetch_request_from_json(to_json(FetchRequest{}));
    CHECK_FALSE(back.stores.identity);
    CHECK_FALSE(back.stores.s3_keys);
    CHECK_FALSE(back.secrets_identity);
    CHECK(back.credentials.empty());
    CHECK_THROWS(fetch_request_from_json(Json::parse("{}")));
    CHECK_THROWS(fetch_request_from_json(Json::parse("[]")));
}

TEST_CASE("a request that lacks any of its members is none") {
    const Json sent = to_json(full_request());
    const Json leaves = sent.flatten();
    for (const auto& [leaf, value] : leaves.items()) {
        const Json::json_pointer pointer(leaf);
        Json less = sent;
        // An error is made whole instead, as everywhere; and a list may be shorter.
        if (!leaf.starts_with("/credentials/0/problem/") && less.at(pointer.parent_pointer()).is_object()) {
            CAPTURE(leaf);
            less.at(pointer.parent_pointer()).erase(pointer.back());
            CHECK_THROWS_AS(fetch_request_from_json(less), Json::exception);
        }
    }
    for (const char* member : {"settings", "credentials", "stores", "places", "other_checkouts", "protect"}) {
        CAPTURE(member);
        Json less = sent;
        less.erase(member);
        CHECK_THROWS_AS(fetch_request_from_json(less), Json::exception);
    }
}

TEST_CASE("choices travel by name, and a name that none of them has is refused") {
    using Verify = AgentConfig::Repository::Verify;
    using Puppetfile = AgentConfig::Repository::Puppetfile;
    FetchRequest request;
    for (const auto& [value, name] : {std::pair(Verify::none, "none"), std::pair(Verify::tag, "tag"),
                                      std::pair(Verify::commit, "commit"), std::pair(Verify::both, "both")}) {
        request.settings.verify = value;
        const Json sent = to_json(request);
        CHECK(sent.at("settings").at("verify") == name);
        CHECK(fetch_request_from_json(sent).settings.verify == value);
    }
    for (const auto& [value, name] : {std::pair(Puppetfile::fetch, "fetch"), std::pair(Puppetfile::r10k, "r10k"),
                                      std::pair(Puppetfile::ignore, "ignore")}) {
        request.settings.puppetfile = value;
        const Json sent = to_json(request);
        CHECK(sent.at("settings").at("puppetfile") == name);
        CHECK(fetch_request_from_json(sent).settings.puppetfile == value);
    }
    for (const char* key : {"verify", "puppetfile"}) {
        for (const Json& wrong : {Json("all"), Json(""), Json("Both"), Json(0), Json(), Json::array()}) {
            CAPTURE(key, to_line(wrong));
            Json sent = to_json(request);
            sent["settings"][key] = wrong;
            CHECK_THROWS(fetch_request_from_json(sent));
        }
    }
}
