#include "agent/commands/support/capture.hpp"
#include "agent/platform/detection.hpp"
#include "common/files/file.hpp"
#include "test/fakes/platform_world.hpp"

#include <catch2/catch_test_macros.hpp>

#include <sys/stat.h>

using namespace bootwright;

namespace {

constexpr const char* file = "/etc/cloud/cloud.cfg.d/90_dpkg_maas.cfg";
constexpr const char* base = "/MAAS/metadata/2012-03-01/";
const std::string identity_key = std::string("GET ") + base + "meta-data/instance-id";
const std::string user_data_key = std::string("GET ") + base + "user-data";

/// A configuration of MAAS's with other values.
std::string configuration(const std::string& url, const std::string& rest) {
    return "datasource:\n  MAAS: {metadata_url: '" + url + "', " + rest + "}\n";
}

const char* const keys = "consumer_key: c, token_key: t, token_secret: hunter2";

}  // namespace

TEST_CASE("MAAS is asked as RFC 5849 has it: each request signed for itself, at its time") {
    PlatformWorld world("maas/root");
    world.read();
    REQUIRE(world.fake.http.requests.size() == 3);
    CHECK(world.header(0, "Authorization") ==
          "OAuth oauth_consumer_key=\"8fKExampleConsumer1\", oauth_token=\"tKExampleToken2\", "
          "oauth_signature_method=\"PLAINTEXT\", oauth_signature=\"%26sEXAMPLEsecretOfOneMachine3\", "
          "oauth_timestamp=\"1795383092\", oauth_nonce=\"0010000000000000\", oauth_version=\"1.0\"");
    world.fake.random = 0.25;
    world.read();
    CHECK(world.header(3, "Authorization").find("oauth_nonce=\"0008000000000000\"") != std::string::npos);
}

TEST_CASE("credentials of any characters are written as the protocol wants them") {
    PlatformWorld world("maas/root");
    world.fake.root.write(
        file, configuration("http://10.20.0.2/MAAS/metadata",
                            "consumer_key: 'a&b', token_key: 't\"', token_secret: 's%', consumer_secret: c+"));
    CHECK(world.read().instance_id == "4y3h7r");
    const std::string header = world.header(0, "Authorization");
    CHECK(header.find("oauth_consumer_key=\"a%26b\", oauth_token=\"t%22\"") != std::string::npos);
    CHECK(header.find("oauth_signature=\"c%252B%26s%2525\"") != std::string::npos);
}

TEST_CASE(
    "a machine whose clock is wrong signs at MAAS's time, and a refusal without news is not tried again at once") {
    PlatformWorld world("maas/root");
    const auto refusal = [](int status, const char* date) {
        return HttpResponse{.status = status, .headers = {{"date", date}}, .body = "Expired timestamp"};
    };
    const HttpResponse good{.status = 200, .body = "4y3h7r"};
    for (const int status : {401, 403}) {
        world.fake.http.requests.clear();
        world.fake.http.answer(identity_key, {refusal(status, "Mon, 23 Nov 2026 21:31:32 GMT"), good});
        CHECK(world.read().instance_id == "4y3h7r");
        REQUIRE(world.fake.http.requests.size() == 4);
        for (const std::size_t later : {1U, 2U, 3U}) {
            CHECK(world.header(later, "Authorization").find("oauth_timestamp=\"1795469492\"") != std::string::npos);
        }
    }
    for (const char* date : {"Sun, 22 Nov 2026 21:31:50 GMT", "yesterday", ""}) {
        world.fake.http.requests.clear();
        world.fake.http.answer(identity_key, {refusal(401, date), good});
        CHECK(world.failure().code == "platform.token_refused");
        CHECK(world.fake.http.requests.size() == 1);
    }
    world.fake.http.answer(identity_key, {refusal(401, "Mon, 23 Nov 2026 21:31:32 GMT")});
    CHECK(world.failure().code == "platform.token_refused");
}

TEST_CASE("user-data of MAAS is there, absent, or unknown") {
    PlatformWorld world("maas/root");
    world.fake.http.answer_status(user_data_key, 404);
    CHECK(world.read().user_data == std::nullopt);
    world.fake.http.answer(user_data_key, "");
    CHECK(world.read().user_data == "");
    for (const int status : {400, 401, 403, 409, 500, 503}) {
        world.fake.http.answer_status(user_data_key, status);
        CHECK(world.failure().kind == ErrorKind::transient);
    }
}

TEST_CASE("an instance id of MAAS that is none is refused: the machine takes no other identity") {
    PlatformWorld world("maas/root");
    for (const char* text : {"", "\n", "{\"a\": 1}", "two words"}) {
        world.fake.http.answer(identity_key, text);
        CHECK(world.failure().code == "platform.bad_document");
    }
    world.fake.http.answer_status(identity_key, 404);
    CHECK(world.failure().code == "platform.bad_document");
}

TEST_CASE("of several files the last in the alphabet counts, as with cloud-init, and others say nothing") {
    PlatformWorld world("maas/root");
    world.fake.root.write("/etc/cloud/cloud.cfg.d/91_kernel_cmdline_url.cfg",
                          "#cloud-config\n" + configuration("http://10.20.0.3:5248/MAAS/metadata/", keys));
    world.fake.root.write("/etc/cloud/cloud.cfg.d/99_none.cfg", "# MAAS:\ndatasource: {Ec2: {}}\n");
    world.fake.root.write("/etc/cloud/cloud.cfg.d/99_list.cfg", "datasource_list: [MAAS]\ndatasource: [MAAS]\n");
    world.fake.root.write("/etc/cloud/cloud.cfg.d/99_damaged.cfg", "datasource: {MAAS: {metadata_url: 'http");
    world.fake.root.write("/etc/cloud/cloud.cfg.d/99_old.cfg.dpkg-old", configuration("http://10.20.0.9/", keys));
    world.read();
    CHECK(world.fake.http.requests.at(0).url.server() == "http://10.20.0.3:5248");
}

TEST_CASE("a machine without MAAS's file is not MAAS's, also if a file speaks of it") {
    PlatformWorld world("maas/root");
    world.fake.root.write(file, "datasource: {MAAS: {consumer_key: x}}");
    CHECK(detect_platform(world.fake.system, {}, {}).platform == nullptr);
    world.fake.root.remove("/etc/cloud");
    CHECK(detect_platform(world.fake.system, {}, {}).platform == nullptr);
    world.config.platform = "maas";
    CHECK(world.failure().code == "platform.seed_missing");
    CHECK(world.failure().kind == ErrorKind::transient);
}

TEST_CASE("a URL or credentials that cannot be used are told, and not shown") {
    PlatformWorld world("maas/root");
    for (const char* url : {"https://10.20.0.2/MAAS/metadata/", "http://u:hunter2@10.20.0.2/MAAS/metadata/", "hunter2",
                            "ftp://hunter2/", "http://10.20.0.2/#hunter2"}) {
        CAPTURE(url);
        world.fake.root.write(file, configuration(url, keys));
        const Error error = world.failure();
        CHECK(error.code == "http.bad_url");
        CHECK(error.kind == ErrorKind::permanent);
        CHECK((error.message + error.advice).find("hunter2") == std::string::npos);
        const auto rules = detect_platform(world.fake.system, {}, {}).rules;
        CHECK(std::all_of(rules.begin(), rules.end(),
                          [](const auto& rule) { return rule.evidence.seen.find("hunter2") == std::string::npos; }));
    }
    for (const char* missing : {"consumer_key: hunter2", "token_key: hunter2, token_secret: hunter2",
                                "consumer_key: c, token_key: t, token_secret: 'hunter 2'"}) {
        world.fake.root.write(file, configuration("http://10.20.0.2/MAAS/metadata/", missing));
        CHECK(world.failure().code == "platform.bad_document");
        CHECK(world.failure().message.find("hunter") == std::string::npos);
        CHECK(world.fake.http.requests.empty());
    }
}

TEST_CASE("a machine that runs from memory asks the URL of its kernel command line for the rest") {
    PlatformWorld world("maas/root");
    const std::string text = world.fake.root.read(file);
    world.fake.root.remove(file);
    const std::string key = "GET /MAAS/metadata/latest/by-id/4y3h7r/?op=get_preseed";
    world.fake.root.write(
        "/proc/cmdline",
        "ro cloud-config-url=http://10.20.0.2:5248/MAAS/metadata/latest/by-id/4y3h7r/?op=get_preseed\n");
    world.fake.http.answer(key, "#cloud-config\n" + text);
    CHECK(world.read().instance_id == "4y3h7r");
    CHECK(world.header(0, "Authorization") == "-");
    for (const char* bad : {"", "[]", "#cloud-config\ndatasource: {MAAS: {}}"}) {
        world.fake.http.answer(key, bad);
        CHECK(world.failure().code == "platform.bad_document");
        CHECK(world.failure().kind == ErrorKind::transient);
    }
    world.fake.http.answer_status(key, 500);
    CHECK(world.failure().code == "platform.unexpected_answer");
    world.fake.root.write("/proc/cmdline", "ro cloud-config-url=http://10.20.0.2/elsewhere\n");
    CHECK(detect_platform(world.fake.system, {}, {}).platform == nullptr);
}

TEST_CASE("what MAAS installed is MAAS's, whatever it runs on") {
    for (const char* hardware : {"vmware/root", "lxd/root-vm-before-agent-incus", "lxd/root-incus-vm"}) {
        CAPTURE(hardware);
        PlatformWorld world("maas/root");
        world.fake.root.copy(fixture_path(hardware));
        CHECK(find_platform(world.fake.system, {}, {}).platform->name() == "maas");
    }
}

TEST_CASE("no credentials of MAAS leave the machine in a capture") {
    PlatformWorld world("maas/root");
    const auto tree = world.fake.root.path("/captured");
    capture_machine(world.fake.system, {}, tree);
    std::string text = world.fake.root.read("/captured/metadata-answers.json");
    text += world.fake.root.read(std::string("/captured") + file);
    CHECK(text.find("4y3h7r") != std::string::npos);
    CHECK(text.find("10.20.0.2") != std::string::npos);
    for (const char* secret : {"tKExampleToken2", "sEXAMPLEsecretOfOneMachine3", "oauth_signature"}) {
        CHECK(text.find(secret) == std::string::npos);
    }
}
