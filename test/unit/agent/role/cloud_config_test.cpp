#include "agent/role/user_data.hpp"
#include "common/base/encoding.hpp"
#include "common/base/error.hpp"
#include "test/fakes/compressed.hpp"
#include "test/fakes/errors.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

using namespace bootwright;

namespace {

Error error_for(const std::string& served) {
    return error_of([&] { return parse_user_data(served, "user-data"); });
}

}  // namespace

TEST_CASE("a #cloud-config carries the role config below its key bootwright, with the lines of the whole") {
    const auto parsed =
        parse_user_data("#cloud-config\npackages: [nginx]\nbootwright:\n  role: web\n  rol: x\n", "user-data").document;
    REQUIRE(parsed);
    CHECK(parsed->root == Json{{"role", "web"}, {"rol", "x"}});
    CHECK(parsed->error_at({"rol"}, "unknown key", "do").message == "user-data:5: bootwright.rol: unknown key");
    CHECK(error_for("#cloud-config\nbootwright: web\n").message == "user-data:2: bootwright: expected a mapping");
}

TEST_CASE("a #cloud-config carries the role config as a file that cloud-init writes, also encoded") {
    const std::string content = GENERATE(values<std::string>({
        "content: |\n      role: web\n      # of team search\n",
        "content: |\n      {\"role\": \"web\"}\n    permissions: \"0600\"\n",
        "encoding: b64\n    content: cm9sZTogd2ViCg==\n",
        "content: \"role: web\"\n    owner: root:root\n",
    }));
    const std::string entry = "  - path: /run/bootwright/role-config\n    " + content;
    const std::string config = GENERATE_COPY("#cloud-config\nwrite_files:\n" + entry,
                                             "#cloud-config\nwrite_files:\n  - path: /etc/bootwright.conf\n" + entry +
                                                 "packages: [nginx]\npackages: [nginx]\n");
    const std::string mime =
        "Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: text/cloud-config\n\n" + config + "--x--\n";
    const std::string served = GENERATE_COPY(config, encode_base64(to_gzip(config)), mime);
    CAPTURE(served);
    const auto parsed = parse_user_data(served, "user-data").document;
    REQUIRE(parsed);
    CHECK(parsed->root == Json{{"role", "web"}});
    CHECK(parsed->origin.find(", /run/bootwright/role-config") != std::string::npos);
}

TEST_CASE(
    "an error in a file that cloud-init writes names the line of the whole, if it stands there as it is; two role "
    "configs are one too many") {
    const std::string begin = "#cloud-config\nwrite_files:\n  - path: /run/bootwright/role-config\n";
    const auto parsed =
        parse_user_data(begin + "    content: |\n      role: web\n      rol: x\n", "user-data").document;
    REQUIRE(parsed);
    CHECK(parsed->error_at({"rol"}, "unknown key", "do").message ==
          "user-data, /run/bootwright/role-config:6: rol: unknown key");
    const auto encoded = parse_user_data(
        begin + "    encoding: b64\n    content: " + encode_base64("role: web\nrol: x\n") + "\n", "user-data");
    REQUIRE(encoded.document);
    CHECK(encoded.document->error_at({"rol"}, "unknown key", "do").message ==
          "user-data, /run/bootwright/role-config, unpacked:2: rol: unknown key");
    struct Row {
        std::string rest;
        const char* message;
    };
    const Row row = GENERATE_COPY(values<Row>({
        {"", "write_files.0.content: expected the role config as a text"},
        {"    content: {role: web}\n", "user-data:4: write_files.0.content: expected the role config as a text"},
        {"    content: \"role: [hunter2\"\n", "user-data, /run/bootwright/role-config, unpacked:"},
        {"    content: \"\"\n", "user-data, /run/bootwright/role-config"},
        {"    content: \"role: web\"\n  - path: /run/bootwright/role-config\n    content: \"role: db\"\n",
         "user-data:6: write_files.1.content: a second role config"},
        {"    content: \"role: web\"\nbootwright: {role: web}\n",
         "user-data:5: bootwright: a role config, and so is /run/bootwright/role-config"},
    }));
    CAPTURE(row.rest);
    const Error error = error_for(begin + row.rest);
    CHECK(error.code == "role.invalid");
    CHECK(error.message.find(row.message) != std::string::npos);
    CHECK(error.message.find("hunter2") == std::string::npos);
}

TEST_CASE("of a #cloud-config only our key is held to our rules: the rest is cloud-init's") {
    const std::string theirs = GENERATE(values<std::string>({
        "write_files:\n- path: /x\n  content: !!binary |\n    aGk=\n",
        "packages: [a]\npackages: [b]\n",
        "? [a, b]\n: c\n",
    }));
    CAPTURE(theirs);
    const auto parsed =
        parse_user_data("#cloud-config\n" + theirs + "bootwright:\n  role: web\n", "user-data").document;
    REQUIRE(parsed);
    CHECK(parsed->root == Json{{"role", "web"}});
    const UserData foreign = parse_user_data("#cloud-config\n" + theirs + "# bootwright\n", "user-data");
    CHECK(foreign.foreign == "a cloud-config for cloud-init, without a role config");
    CHECK(error_for("#cloud-config\nbootwright: {role: web}\nbootwright: {role: db}\n").message ==
          "user-data:3: a key that stands there twice, or is no plain word");
    CHECK(error_for("#cloud-config\nbootwright: {role: web, role: db}\n").code == "role.invalid");
    CHECK(error_for("#cloud-config\n- bootwright\n").message.starts_with("user-data:1: the top level must be"));
    CHECK(parse_user_data("#cloud-config\n# for bootwright\n", "user-data").foreign.starts_with("a cloud-config"));
}
