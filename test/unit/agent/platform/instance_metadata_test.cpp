#include "agent/platform/instance_metadata.hpp"

#include <catch2/catch_test_macros.hpp>

#include <functional>

using namespace bootwright;

TEST_CASE("the metadata has one shape, with null for what the platform does not have") {
    const InstanceMetadata metadata{.platform = "hetzner", .instance_id = "7", .tags = {{"a", "b"}}, .user_data = "x"};
    CHECK(to_json(metadata) == Json{{"platform", "hetzner"},
                                    {"id", "7"},
                                    {"hostname", nullptr},
                                    {"region", nullptr},
                                    {"zone", nullptr},
                                    {"type", nullptr},
                                    {"image", nullptr},
                                    {"account", nullptr},
                                    {"tags", {{"a", "b"}}},
                                    {"addresses", Json::array()}});
}

TEST_CASE("tags whose names speak of a secret are not shown") {
    InstanceMetadata metadata{.platform = "openstack", .instance_id = "7"};
    for (const char* name : {"db_password", "API-Key", "Token", "aws.secret", "root_passwd", "passphrase", "admin-pass",
                             "apikey", "access_key", "auth_key", "private_key", "credentials", "random_seed"}) {
        metadata.tags[name] = "hunter2";
    }
    metadata.tags["role"] = "web";
    CHECK(to_line(shown_json(metadata)).find("hunter2") == std::string::npos);
    CHECK(shown_json(metadata)["tags"]["role"] == "web");
    CHECK(to_json(metadata)["tags"]["db_password"] == "hunter2");
}

TEST_CASE("a tag that is a URL is shown without what opens it") {
    const InstanceMetadata metadata{.platform = "ec2",
                                    .instance_id = "7",
                                    .tags = {{"bootwright:repository", "https://reader:hunter2@git.example.com/x.git"},
                                             {"bootwright:careless", "https://reader:it/hunter2@git.example.com/x.git"},
                                             {"docs", "https://wiki.example.com/web"}}};
    CHECK(to_line(shown_json(metadata)).find("hunter2") == std::string::npos);
    CHECK(shown_json(metadata)["tags"]["bootwright:repository"] == "https://git.example.com/x.git");
    CHECK(shown_json(metadata)["tags"]["docs"] == "https://wiki.example.com/web");
    CHECK(to_json(metadata)["tags"]["bootwright:repository"] == "https://reader:hunter2@git.example.com/x.git");
}

TEST_CASE("a tag for bootwright is known by its prefix, with any separator that a cloud allows") {
    for (const char* tag :
         {"bootwright:role", "bootwright-role", "bootwright.role", "bootwright_role", "Bootwright/role"}) {
        CAPTURE(tag);
        CHECK(bootwright_key(tag) == "role");
    }
    for (const char* tag : {"", "role", "bootwright", "bootwright:", "bootwrightrole", "xbootwright:role"}) {
        CAPTURE(tag);
        CHECK(bootwright_key(tag) == std::nullopt);
    }
    CHECK(bootwright_key("bootwright:facts:datacenter") == "facts:datacenter");
    CHECK(bootwright_key("bootwright:r") == "r");
}

TEST_CASE("the fingerprint changes with what a role config is read from, and with nothing else") {
    const InstanceMetadata before{
        .platform = "ec2", .instance_id = "i-1", .tags = {{"bootwright:role", "web"}}, .user_data = ""};
    const auto changed = [&](const std::function<void(InstanceMetadata&)>& change) {
        InstanceMetadata after = before;
        change(after);
        return fingerprint(after) != fingerprint(before);
    };
    CHECK(changed([](auto& after) { after.instance_id = "i-2"; }));
    CHECK(changed([](auto& after) { after.user_data = "{}"; }));
    CHECK(changed([](auto& after) { after.user_data.reset(); }));
    CHECK(changed([](auto& after) { after.tags["bootwright:role"] = "db"; }));
    CHECK(changed([](auto& after) { after.tags["bootwright:revision"] = "x"; }));
    CHECK_FALSE(changed([](auto& after) { after.tags["Name"] = "x"; }));
    CHECK_FALSE(changed([](auto& after) { after.addresses = {"10.0.0.2"}; }));
    CHECK_FALSE(changed([](auto& after) { after.hostname = "other"; }));
}
