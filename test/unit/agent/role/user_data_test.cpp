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
    for (const char c : document) {
        wide += {c, '\0'};
    }
    const std::string mime = "Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: text/x-bootwright\n\n";
    const std::string served = GENERATE_COPY(
        mark + document, mark + encode_base64(document), mark + to_gzip(document), to_gzip(mark + document),
        mark + encode_base64(mark + document), mark + encode_base64(mark + to_gzip(mark + document)), wide,
        encode_base64(wide), mark + encode_base64(to_gzip(wide)), mark + mime + document, mime + mark + document);
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

TEST_CASE("of a MIME message our part is taken, whatever the others are, and however it is encoded") {
    const std::string ours = GENERATE(values<std::string>({
        "Content-Type: text/x-bootwright\n\nrole: web\n",
        "Content-Type: text/x-bootwright; charset=\"utf-8\"\nContent-Transfer-Encoding: 7bit\n\n{\"role\": \"web\"}\n",
        "Content-Type: text/plain\nContent-Disposition: attachment;\n  filename=\"bootwright.json\"\n\n{\"role\": "
        "\"web\"}\n",
        "Content-Type: text/x-bootwright\nContent-Transfer-Encoding: base64\n\ncm9sZTog\nd2ViCg==\n",
        "content-type: text/x-bootwright\ncontent-transfer-encoding: quoted-printable\n\nrole=3A we=\nb\n",
        "Content-Type: text/cloud-config\n\n#cloud-config\nbootwright: {role: web}\n",
        "Content-Type: text/cloud-config\n\nbootwright: {role: web}\n",  // Terraform's yamlencode() writes no first line
        "Content-Type: text/plain\n\n#cloud-config\nbootwright: {role: web}\n",
        "Content-Type: multipart/mixed; boundary=inner\n\n--inner\nContent-Type: text/x-bootwright\n\nrole: "
        "web\n--inner--\n",
    }));
    const std::string whole =
        "Content-Type: multipart/mixed; boundary=\"== x\"\nMIME-Version: 1.0\n\npreamble\n--== x\n"
        "Content-Type: text/x-shellscript\n\n#!/bin/sh\n\xff\xfe\n--== x\n" +
        ours + "--== x\nContent-Type: text/cloud-config\n\n#cloud-config\npackages: []\n--== x--\n";
    std::string with_carriage_returns;
    for (const char c : whole) {
        with_carriage_returns += c == '\n' ? "\r\n" : std::string(1, c);
    }
    for (const std::string& served : {whole, with_carriage_returns, encode_base64(to_gzip(whole))}) {
        CAPTURE(served);
        const auto parsed = parse_user_data(served, "user-data").document;
        REQUIRE(parsed);
        CHECK(parsed->root == Json{{"role", "web"}});
        CHECK(parsed->origin.starts_with("user-data, part 2 ("));
    }
}

TEST_CASE("a part of somebody else's that is damaged is that one's to complain about") {
    const std::string theirs = GENERATE(values<std::string>({
        "Content-Type: text/x-shellscript\nContent-Transfer-Encoding: base64\n\n%%%\n",
        "Content-Type: text/plain\nContent-Transfer-Encoding: quoted-printable\n\n=zz\n",
        "Content-Type: application/octet-stream\n\n\x1f\x8b cut\n",
        "Content-Type: text/cloud-config\n\n## template: jinja\n#cloud-config\nbootwright: {{ v }}\n",
    }));
    CAPTURE(theirs);
    const auto parsed = parse_user_data("Content-Type: multipart/mixed; boundary=x\n\n--x\n" + theirs +
                                            "--x\nContent-Type: text/x-bootwright\n\nrole: web\n--x--\n",
                                        "user-data")
                            .document;
    REQUIRE(parsed);
    CHECK(parsed->root == Json{{"role", "web"}});
}

TEST_CASE("a MIME message is known by its headers, in whatever order they stand") {
    const std::string body = "\n--x\nContent-Type: text/x-bootwright\n\nrole: web\n--x--\n";
    const std::string type = "Content-Type: multipart/mixed;\n boundary=x\n";
    for (const std::string& head : {"Number-Attachments: 1\nMIME-Version: 1.0\n" + type, type + "MIME-Version: 1.0\n",
                                    "Subject: x\n" + type + "mime-version: 1.0\n"}) {
        CAPTURE(head);
        CHECK(parse_user_data(head + body, "user-data").document);
    }
    const std::string script = "#!/bin/sh\nmail <<E\nMIME-Version: 1.0\nE\n";
    CHECK(parse_user_data(script, "user-data").foreign == "a script for cloud-init");
}

TEST_CASE("a MIME message with two parts of ours, or one that cannot be taken apart, is refused") {
    const std::string head = "Content-Type: multipart/mixed; boundary=x\n\n";
    const std::string part = "--x\nContent-Type: text/x-bootwright\n\nrole: web\n";
    const Error twice = error_for(head + part + part + "--x--\n");
    CHECK(twice.code == "role.invalid");
    CHECK(twice.message.find("part 1") != std::string::npos);
    CHECK(twice.message.find("part 2") != std::string::npos);
    std::string many;
    for (int i = 0; i < 200; ++i) {
        many += "--x\n\ntext\n";
    }
    std::string deep = "text";
    for (int i = 0; i < 10; ++i) {
        const std::string boundary = "b" + std::to_string(i);
        deep = "Content-Type: multipart/mixed; boundary=" + boundary + "\n\n--" + boundary + "\n" + deep + "\n";
    }
    const std::string in_base64 = "Content-Transfer-Encoding: base64\n\n";
    const std::string quoted = "Content-Transfer-Encoding: quoted-printable\n\n";
    for (const std::string& served : {std::string("Content-Type: multipart/mixed\n\nx"), head + many, deep,
                                      head + "--x\nContent-Type: text/x-bootwright\n" + in_base64 + "%%%\n--x--",
                                      head + "--x\nContent-Type: text/cloud-config\n" + in_base64 + "%%%\n--x--",
                                      head + "--x\nContent-Type: text/x-bootwright\n" + quoted + "=zz\n--x--",
                                      head + "--x\nContent-Type: text/x-bootwright\n"
                                             "Content-Transfer-Encoding: x-uuencode\n\nrole: web\n--x--",
                                      head + "--x\nContent-Type: text/x-bootwright\n\n\x1f\x8b cut\n--x--"}) {
        CAPTURE(served);
        CHECK(error_for(served).code == "role.user_data_damaged");
    }
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

TEST_CASE("binary data is refused without being shown") {
    for (const std::string& served : {std::string("\0\1\2\3", 4),
                                      std::string("\x7f"
                                                  "ELF\2\1\1\0",
                                                  8),
                                      std::string("{\"role\": \"\0\"}", 13), std::string("{\"role\": \"\xff\"}"),
                                      std::string("\xff\xfe{\0\"\0\0", 7), std::string("PK\3\4")}) {
        CAPTURE(served);
        const Error error = error_for(served);
        CHECK(error.code == "role.user_data_damaged");
        CHECK(error.kind == ErrorKind::permanent);
        CHECK(error.message.find("binary data of " + std::to_string(served.size()) + " bytes") != std::string::npos);
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
