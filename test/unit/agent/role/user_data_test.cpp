#include "agent/role/user_data.hpp"

#include "common/base/encoding.hpp"
#include "common/base/error.hpp"
#include "test/fakes/compressed.hpp"
#include "test/fakes/errors.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

using namespace bootwright;

namespace {

const std::string document = "{\n  \"role\": \"web\"\n}\n";

Error error_for(const std::string& served) {
    return error_of([&] { return parse_user_data(served, "user-data"); });
}

/// Base64 in lines of 76 letters, as the program writes it.
std::string in_lines(const std::string& text) {
    std::string result;
    for (std::size_t i = 0; i < text.size(); i += 76) {
        result += text.substr(i, 76) + "\n";
    }
    return result;
}

}  // namespace

TEST_CASE("the role config may be plain, compressed, encoded, or both") {
    const std::string served = GENERATE_COPY(document, "  \n\t" + document, to_gzip(document), encode_base64(document),
                                             in_lines(encode_base64(document)), encode_base64(to_gzip(document)),
                                             in_lines(encode_base64(to_gzip(document))),
                                             "\n" + encode_base64(document) + "\n\n", encode_base64("\n" + document));
    CAPTURE(served);
    const auto parsed = parse_user_data(served, "user-data").document;
    REQUIRE(parsed);
    CHECK(parsed->root == Json::parse(document));
    const bool is_plain = served.find("role") != std::string::npos;
    CHECK(parsed->origin == (is_plain ? "user-data" : "user-data, unpacked"));  // whose lines are others
}

TEST_CASE("the byte order marks of Windows are removed in each layer") {
    const std::string mark = "\xEF\xBB\xBF";
    std::string wide = "\xFF\xFE";  // UTF-16, as PowerShell's Out-File writes it
    std::string unmarked;           // as its [Text.Encoding]::Unicode.GetBytes() gives it
    for (const char c : document) {
        wide += {c, '\0'};
        unmarked += {c, '\0'};
    }
    const std::string mime = "Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: text/x-bootwright\n\n";
    const std::string served = GENERATE_COPY(
        mark + document, mark + encode_base64(document), mark + to_gzip(document), to_gzip(mark + document),
        mark + encode_base64(mark + document), mark + encode_base64(mark + to_gzip(mark + document)), wide,
        encode_base64(wide), unmarked, encode_base64(unmarked), mark + encode_base64(to_gzip(wide)),
        mark + mime + document, mime + mark + document);
    CAPTURE(served);
    const auto parsed = parse_user_data(served, "user-data").document;
    REQUIRE(parsed);
    CHECK(parsed->root == Json::parse(document));
}

TEST_CASE("a second YAML document is not dropped, but refused by its line") {
    struct Row {
        const char* text;
        const char* place;
    };
    const Row row = GENERATE(values<Row>({
        {"role: web\n---\nclasses: [hunter2]\n", "user-data:2: a second YAML document"},
        {"role: web\n...\n---\nclasses: [hunter2]\n", "user-data:3: a second YAML document"},
        {"---\n---\nrole: hunter2\n", "user-data:2: a second YAML document"},
        {"role: web\n---\n", "user-data:2: a second YAML document"},
        {"#cloud-config\nbootwright: {role: web}\n---\npackages: [hunter2]\n", "user-data:3: a second YAML document"},
    }));
    CAPTURE(row.text);
    const Error error = error_for(row.text);
    CHECK(error.code == "role.invalid");
    CHECK(error.message.starts_with(row.place));
    CHECK(parse_user_data("---\nrole: web\n...\n", "user-data").document);
}

TEST_CASE("what comes after compressed data is not dropped") {
    CHECK(error_for(to_gzip(document) + "role: db\n").code == "role.user_data_damaged");
}

TEST_CASE("a #cloud-config that cloud-init does not see as one is named") {
    const std::string before = GENERATE("---\n", "\n---\n", "# of team search\n", "# of team search\n---\n");
    const std::string config = before + "#cloud-config\npackages: [nginx]\n";
    CHECK(parse_user_data(config, "user-data").foreign.find("does not begin with #cloud-config") != std::string::npos);
    const Error error = error_for(config + "bootwright: {role: web}\n");
    CHECK(error.code == "role.invalid");
    CHECK(error.message.find("#cloud-config stands below other lines") != std::string::npos);
    CHECK(parse_user_data("# a role\nrole: web\n#cloud-config\n", "user-data").document);
}

TEST_CASE("empty user-data, and white space only, is none") {
    for (const char* served : {"", " ", "\n", "\r\n\t \n"}) {
        const UserData nothing = parse_user_data(served, "user-data");
        CHECK_FALSE(nothing.document);
        CHECK(nothing.foreign.empty());
    }
}

TEST_CASE("emptiness that is compressed or encoded is none either") {
    for (const std::string& served : {to_gzip(""), to_gzip(" \n"), encode_base64(to_gzip("")), encode_base64("\n")}) {
        CAPTURE(served);
        const UserData nothing = parse_user_data(served, "user-data");
        CHECK_FALSE(nothing.document);
        CHECK(nothing.foreign.empty());
    }
}

TEST_CASE("what is meant for another program is told as such, also when compressed or encoded") {
    struct Row {
        const char* text;
        const char* kind;
    };
    const Row row = GENERATE(values<Row>({
        {"#!/bin/sh\necho x\n", "a script for cloud-init"},
        {"#!/usr/bin/env python3\n", "a script for cloud-init"},
        {"#cloud-config\npackages: [nginx]\n", "a cloud-config"},
        {"#cloud-config\n# bootwright: not here\nbad: [yaml\n", ""},
        {"#cloud-config-archive\n- x\n", "an archive"},
        {"#cloud-config-archive\n- type: text/x-shellscript\n  content: 'echo bootwright'\n", "an archive"},
        {"#cloud-config-archive\n- [bootwright, !!binary AAA]\n- &a {a: 1, a: 2}\n", "an archive"},
        {"#cloud-config-jsonp\n[{\"op\": \"add\", \"path\": \"/bootwright\", \"value\": 1}]\n", "a patch"},
        {"#!/bin/sh\necho caf\xe9\n", "a script for cloud-init"},
        {"#cloud-config\nlocale: fran\xe7"
         "ais\n",
         "a cloud-config"},
        {"#include\nhttp://h/\n", "an include list"},
        {"#cloud-boothook\n", "a boothook"},
        {"#part-handler\n", "a part handler"},
        {"## template: jinja\n", "a template"},
        {"<powershell>\nx</powershell>", "Windows"},
        {R"({"ignition": {"version": "3.4.0"}})", "Ignition"},
        {"MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=x\n\n--x\n\n#!/bin/sh\n--x--\n", "a MIME message"},
        {"\n\n#cloud-config\n", "a cloud-config"},
    }));
    const std::string text = row.text;
    const std::string served = GENERATE_COPY(text, to_gzip(text), encode_base64(text), encode_base64(to_gzip(text)),
                                             encode_base64(encode_base64(text)), "\xEF\xBB\xBF" + text);
    CAPTURE(row.text, served);
    if (std::string(row.kind).empty()) {  // it may be meant for us, and cannot be read
        CHECK(error_for(served).code == "role.invalid");
        return;
    }
    const UserData parsed = parse_user_data(served, "user-data");
    CHECK_FALSE(parsed.document);
    CHECK(parsed.foreign.find(row.kind) != std::string::npos);
}

TEST_CASE("YAML is as good as JSON, and a comment at its beginning is only that") {
    const std::string served =
        GENERATE(values<std::string>({"role: web\n", "---\nrole: web\n", "# of team search\nrole: \"web\"\r\n",
                                      "#bootwright\nrole: web", "role:   'web'"}));
    CAPTURE(served);
    const auto parsed = parse_user_data(GENERATE_COPY(served, encode_base64(to_gzip(served))), "user-data").document;
    REQUIRE(parsed);
    CHECK(parsed->root == Json{{"role", "web"}});
}

TEST_CASE("an error in YAML names the line of the key") {
    const auto parsed =
        parse_user_data("role: web\nrepository:\n  url: https://h/x\n\n  revison: abc\n", "user-data").document;
    REQUIRE(parsed);
    const Error error = parsed->error_at({"repository", "revison"}, "unknown key", "do");
    CHECK(error.message == "user-data:5: repository.revison: unknown key");
}

TEST_CASE("YAML that is malformed, or says something twice, is refused by its line, without a word of it") {
    struct Row {
        const char* text;
        const char* place;
    };
    const Row row = GENERATE(values<Row>({
        {"role: web\nrole: hunter2\n", "user-data:2: a key"},
        {"role: web\ndata:\n  a: {hunter2\n", "user-data:"},
        {"role: [hunter2\n", "user-data:"},
        {"a: b: hunter2\n", "user-data:1: not valid YAML"},
        {"role: !!python/object:hunter2 x\n", "user-data:1: a tag"},
        {"- hunter2\n", "user-data:1: the top level"},
        {"a: *hunter2\n", "user-data:1: not valid YAML"},
        {"{a: b}: hunter2\n", "user-data:1:"},
    }));
    CAPTURE(row.text);
    const Error error = error_for(row.text);
    CHECK(error.code == "role.invalid");
    CHECK(error.kind == ErrorKind::permanent);
    CHECK(error.message.starts_with(row.place));
    CHECK(error.message.find("hunter2") == std::string::npos);
}

TEST_CASE("layers upon layers are taken off only so far") {
    std::string served = document;
    for (int i = 0; i < 3; ++i) {
        served = encode_base64(served);
    }
    CHECK(parse_user_data(served, "user-data").document.has_value());
    for (int i = 0; i < 3; ++i) {
        served = encode_base64(served);
    }
    CHECK(error_for(served).code == "role.invalid");
}

TEST_CASE("binary data are somebody else's") {
    for (const std::string& served : {std::string("\0\1\2\3", 4),
                                      std::string("\x7f"
                                                  "ELF\2\1\1\0",
                                                  8),
                                      std::string("PK\3\4")}) {
        CAPTURE(served);
        const UserData parsed = parse_user_data(served, "user-data");
        CHECK_FALSE(parsed.document);
        CHECK(parsed.foreign == "binary data of " + std::to_string(served.size()) + " bytes");
    }
}

TEST_CASE("a document that is no text is refused by its line, without being shown, unless it is somebody else's") {
    struct Row {
        std::string served;
        const char* line;
    };
    for (const Row& row :
         {Row{std::string("{\"role\": \"\0\"}", 13), "line 1"}, Row{"{\"role\":\n \"caf\xe9\"}", "line 2"},
          Row{"# the web\nrole: caf\xe9\n", "line 2"}, Row{std::string("\xff\xfe{\0\"\0\0", 7), "line 1"},
          Row{"#cloud-config\nbootwright:\n  role: caf\xe9\n", "line 3"}}) {
        CAPTURE(row.served);
        const Error error = error_for(row.served);
        CHECK(error.code == "role.user_data_damaged");
        CHECK(error.kind == ErrorKind::permanent);
        CHECK(error.message == "user-data is not plain text in UTF-8: " + std::string(row.line) + " has other bytes");
    }
}

TEST_CASE("compressed data that is cut, damaged, or a bomb is refused") {
    const std::string whole = to_gzip(document);
    std::string damaged = whole;
    damaged[damaged.size() / 2] = static_cast<char>(damaged[damaged.size() / 2] ^ 0x55);
    const std::string bomb = to_gzip(std::string(std::size_t{5} << 20U, ' '));
    for (const std::string& served : {whole.substr(0, whole.size() - 1), whole.substr(0, 10), whole.substr(0, 2),
                                      damaged, bomb, encode_base64(bomb), encode_base64(whole.substr(0, 15))}) {
        const Error error = error_for(served);
        CHECK(error.code == "role.user_data_damaged");
        CHECK(error.kind == ErrorKind::permanent);
    }
}

TEST_CASE("user-data that unpacks to 4 MiB is read, and a bomb of a byte more through no layer") {
    const auto padded = [](std::size_t size) { return document + std::string(size - document.size(), ' '); };
    const auto gzip = [](const std::string& text) { return to_gzip(text); };
    const auto base64 = [](const std::string& text) { return encode_base64(text); };
    const auto mime = [](const std::string& text) {
        return "Content-Type: text/x-bootwright\nContent-Transfer-Encoding: base64\n\n" + in_lines(encode_base64(text));
    };
    constexpr std::size_t largest = std::size_t{4} << 20U;
    CHECK(parse_user_data(gzip(padded(largest)), "user-data").document.has_value());
    const std::string bomb = gzip(padded(largest + 1));
    REQUIRE(bomb.size() < 100'000);
    const std::vector<std::vector<std::string (*)(const std::string&)>> ways{
        {}, {gzip}, {base64}, {gzip, base64}, {base64, gzip}, {base64, base64, base64}};
    for (const auto& way : ways) {
        std::string served = bomb;
        for (auto* layer : way) {
            served = layer(served);
        }
        CAPTURE(way.size());
        CHECK(error_for(served).code == "role.user_data_damaged");
        CHECK(error_for(mime(served)).code == "role.user_data_damaged");
    }
}

TEST_CASE("user-data that is ours but malformed names the line and shows nothing of it") {
    for (const char* served : {"{\n\"role\": hunter2}", "{\n\"role\": \"hunter2", "{\n\"hunter\": 2,}", "hunter2",
                               "{\n\"a\":1e999}", "[\"hunter2\"]", "\"hunter2\"", "hunter2: [", "- hunter2"}) {
        CAPTURE(served);
        const Error error = error_for(served);
        CHECK(error.code == "role.invalid");
        CHECK(error.kind == ErrorKind::permanent);
        CHECK(error.message.starts_with("user-data:"));
        CHECK(error.message.find("hunter2") == std::string::npos);
    }
}

TEST_CASE("a truncated document is malformed wherever it is cut") {
    const std::string whole = R"({"role": "web", "classes": ["a"], "facts": {"x": 1.5}, "data": {"k": "v"}})";
    for (std::size_t length = 1; length < whole.size(); ++length) {
        CAPTURE(length);
        CHECK(error_for(whole.substr(0, length)).code == "role.invalid");
    }
}
