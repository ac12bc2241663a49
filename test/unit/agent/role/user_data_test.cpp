#include "agent/role/user_data.hpp"

#include "common/error.hpp"
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
    const std::string served = GENERATE_COPY(
        document, "  \n\t" + document, to_gzip(document), to_base64(document), in_lines(to_base64(document)),
        to_base64(to_gzip(document)), in_lines(to_base64(to_gzip(document))), "\n" + to_base64(document) + "\n\n",
        "\xEF\xBB\xBF" + document, to_base64("\n" + document));
    CAPTURE(served);
    const auto parsed = parse_user_data(served, "user-data");
    REQUIRE(parsed);
    CHECK(parsed->root == Json::parse(document));
    CHECK(parsed->origin == "user-data");
}

TEST_CASE("empty user-data, and white space only, is none") {
    for (const char* served : {"", " ", "\n", "\r\n\t \n"}) {
        CHECK_FALSE(parse_user_data(served, "user-data"));
    }
}

TEST_CASE("emptiness that is compressed or encoded is none either") {
    for (const std::string& served : {to_gzip(""), to_gzip(" \n"), to_base64(to_gzip("")), to_base64("\n")}) {
        CAPTURE(served);
        CHECK_FALSE(parse_user_data(served, "user-data"));
    }
}

TEST_CASE("what is meant for another program is told as such, also when compressed or encoded") {
    struct Row {
        const char* text;
        const char* kind;
    };
    const Row row = GENERATE(values<Row>({
        {"#!/bin/sh\necho x\n", "a script"},
        {"#!/usr/bin/env python3\n", "a script"},
        {"#cloud-config\npackages: [nginx]\n", "a cloud-config"},
        {"#cloud-config-archive\n- x\n", "a cloud-config"},
        {"#include\nhttp://h/\n", "an include list"},
        {"#cloud-boothook\n", "another program"},
        {"## template: jinja\n", "another program"},
        {"Content-Type: multipart/mixed; boundary=\"x\"\nMIME-Version: 1.0\n\n--x\n", "a MIME message"},
        {"MIME-Version: 1.0\nContent-Type: multipart/mixed\n", "a MIME message"},
        {"\n\n#cloud-config\n", "a cloud-config"},
    }));
    const std::string text = row.text;
    const std::string served = GENERATE_COPY(text, to_gzip(text), to_base64(text), to_base64(to_gzip(text)));
    CAPTURE(row.text, served);
    const Error error = error_for(served);
    CHECK(error.code == "role.user_data_not_ours");
    CHECK(error.kind == ErrorKind::permanent);
    CHECK(error.message.find(row.kind) != std::string::npos);
}

TEST_CASE("another program's document with a byte order mark is told as such too") {
    CHECK(error_for("\xEF\xBB\xBF#cloud-config\n").code == "role.user_data_not_ours");
}

TEST_CASE("a MIME message with other headers first, or in lower case, is told as such too") {
    CHECK(error_for("content-type: multipart/mixed; boundary=x\n").code == "role.user_data_not_ours");
    CHECK(error_for("From nobody Sat Nov 22 21:00:00 2026\nContent-Type: multipart/mixed\n").code ==
          "role.user_data_not_ours");
}

TEST_CASE("binary data is refused without being shown") {
    for (const std::string& served : {std::string("\0\1\2\3", 4),
                                      std::string("\x7f"
                                                  "ELF\2\1\1\0",
                                                  8),
                                      std::string("{\"role\": \"\0\"}", 13), std::string("{\"role\": \"\xff\"}"),
                                      std::string("\xff\xfe{\0\"\0", 6), std::string("PK\3\4")}) {
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
                                      damaged, bomb, to_base64(bomb), to_base64(whole.substr(0, 15))}) {
        const Error error = error_for(served);
        CHECK(error.code == "role.user_data_damaged");
        CHECK(error.kind == ErrorKind::permanent);
    }
}

TEST_CASE("user-data that is ours but malformed names the line and shows nothing of it") {
    for (const char* served : {"{\n\"role\": hunter2}", "{\n\"role\": \"hunter2", "{\n\"hunter\": 2,}", "hunter2",
                               "{\n\"a\":1e999}", "[\"hunter2\"]", "\"hunter2\""}) {
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
