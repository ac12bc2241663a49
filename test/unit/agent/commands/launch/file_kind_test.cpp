#include "agent/commands/launch/file_kind.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;

TEST_CASE("what a file is for is told by its name") {
    CHECK(kind_of("image/agent.json", "{") == FileKind::agent);
    CHECK(kind_of("image/agent.d/10-site.json", "") == FileKind::agent);
    CHECK(kind_of("role.json", R"({"platform": "ec2"})") == FileKind::role);
    CHECK(kind_of("user-data.json", R"({"platform": "ec2"})") == FileKind::user_data);
}

TEST_CASE("what a file is for is told by the keys in it, where its name does not say it") {
    CHECK(kind_of("x.json", R"({"repository": {"keep": 3}, "puppet": {"timeout": "1h"}})") == FileKind::agent);
    CHECK(kind_of("x.json", R"({"repository": {"url": "x"}, "puppet": {"timeout": "1h"}})") == FileKind::user_data);
    CHECK(kind_of("x.json", R"({"role": "web", "platfrom": "ec2"})") == FileKind::user_data);
    CHECK(kind_of("x.yaml", "platform: ec2\n") == FileKind::user_data);  // an agent.json is no YAML
    CHECK(kind_of("x", "#!/bin/sh\n") == FileKind::user_data);
    CHECK_FALSE(kind_of("x.json", "{}"));
    CHECK_FALSE(kind_of("x.json", R"({"puppet": {"timeout": "1h"}})"));
}

TEST_CASE("each kind has a word") {
    for (const FileKind kind : {FileKind::agent, FileKind::role, FileKind::user_data}) {
        CHECK(file_kind(to_string(kind)) == kind);
    }
    CHECK_FALSE(file_kind("role.json"));
}
