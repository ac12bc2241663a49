#include "common/base/encoding.hpp"

#include "common/documents/json.hpp"
#include "test/fakes/compressed.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <string>
#include <utility>

using namespace bootwright;

TEST_CASE("base64 is decoded, with white space between") {
    struct Row {
        const char* text;
        std::string bytes;
    };
    const Row row = GENERATE(values<Row>({
        {"", ""},
        {"Zg==", "f"},
        {"Zm8=", "fo"},
        {"Zm9v", "foo"},
        {"Zm9vYg==", "foob"},
        {"Zm9vYmE=", "fooba"},
        {"Zm9vYmFy", "foobar"},
        {"Zm9v\nYmFy\r\n", "foobar"},
        {" Z m\t8 = ", "fo"},
        {"+/+/", "\xfb\xff\xbf"},
        {"AAAA", std::string(3, '\0')},
        {"/////w==", "\xff\xff\xff\xff"},
    }));
    CAPTURE(row.text);
    CHECK(decode_base64(row.text) == row.bytes);
    CHECK(encode_base64(row.bytes) == encode_base64(decode_base64(row.text).value_or("?")));
}

TEST_CASE("what is not base64 is refused") {
    const char* text =
        GENERATE(values<const char*>({"Z", "Zg", "Zg=", "Zg===", "=", "====", "Zg==Zg==", "Zm9v=", "Zm9-", "Zm9_",
                                      "Zm9v!", "Zm9v\v", "{\"a\": 1}", "Zm=v", "Zm9vY===", "Zm9v\xC3\xBC"}));
    CAPTURE(text);
    CHECK_FALSE(decode_base64(text));
}

TEST_CASE("every byte survives base64") {
    std::string bytes;
    for (int i = 0; i < 256; ++i) {
        bytes.push_back(static_cast<char>(i));
    }
    for (std::size_t length = 0; length <= bytes.size(); ++length) {
        CHECK(decode_base64(encode_base64(bytes.substr(0, length))) == bytes.substr(0, length));
    }
}

TEST_CASE("gzip is known by its first two bytes") {
    CHECK(is_gzip(to_gzip("x")));
    CHECK_FALSE(is_gzip(""));
    CHECK_FALSE(is_gzip("\x1f"));
    CHECK_FALSE(is_gzip("{\"a\": 1}"));
}

TEST_CASE("gzip is unpacked up to the cap") {
    const std::string text(100000, 'x');
    CHECK(decompress_gzip(to_gzip(text), text.size()) == text);
    CHECK_FALSE(decompress_gzip(to_gzip(text), text.size() - 1));
    CHECK(decompress_gzip(to_gzip(""), 0) == "");
    CHECK(decompress_gzip(to_gzip("x"), 1) == "x");
    CHECK_FALSE(decompress_gzip(to_gzip("x"), 0));
}

TEST_CASE("gzip of several members is all of them, and what is no gzip after them is not") {
    const std::string whole = to_gzip("role: web\n") + to_gzip("classes: []\n");
    CHECK(decompress_gzip(whole, 100) == "role: web\nclasses: []\n");
    CHECK_FALSE(decompress_gzip(whole, 20));
    CHECK_FALSE(decompress_gzip(whole.substr(0, whole.size() - 1), 100));
    CHECK(decompress_gzip(to_gzip("x") + std::string(512, '\0'), 100) == "x");  // padding, as on a tape
    CHECK_FALSE(decompress_gzip(to_gzip("x") + "y", 100));
    CHECK_FALSE(decompress_gzip(to_gzip("x") + std::string(512, '\0') + to_gzip("y"), 100));
}

TEST_CASE("what is compressed is unpacked as it was, piece by piece, too") {
    const std::string large(std::size_t{3} << 20U, 'x');
    CHECK(decompress_gzip(compress_gzip(large), large.size()) == large);
    CHECK(decompress_gzip(compress_gzip("a") + compress_gzip("") + compress_gzip(large), large.size() + 1) ==
          "a" + large);
}

TEST_CASE("a gzip bomb is refused without being unpacked") {
    // Sixteen megabytes in a few kilobytes.
    CHECK_FALSE(decompress_gzip(to_gzip(std::string(std::size_t{16} << 20U, '\0')), std::size_t{4} << 20U));
}

TEST_CASE("gzip that is cut anywhere, or damaged, is refused") {
    const std::string whole = to_gzip("{\"role\": \"web\", \"classes\": [\"role::web\"]}");
    for (std::size_t length = 0; length < whole.size(); ++length) {
        CHECK_FALSE(decompress_gzip(whole.substr(0, length), 1000));
    }
    std::string damaged = whole;
    damaged[damaged.size() - 8] = static_cast<char>(damaged[damaged.size() - 8] ^ 1);  // in the checksum
    CHECK_FALSE(decompress_gzip(damaged, 1000));
    CHECK_FALSE(decompress_gzip("\x1f\x8b rubbish", 1000));
    CHECK_FALSE(decompress_gzip("", 1000));
}

TEST_CASE("text is well-formed UTF-8") {
    const std::string text =
        GENERATE(values<std::string>({"", "plain", "tab\tand\r\nlines", "\xC2\xA0", "ü€𝄞", "\xEF\xBB\xBF{}",
                                      "\xED\x9F\xBF", "\xEE\x80\x80", "\xF4\x8F\xBF\xBF"}));
    CAPTURE(text);
    CHECK(is_text(text));
}

TEST_CASE("binary data and broken UTF-8 are not text") {
    const std::string text = GENERATE(values<std::string>({
        std::string("\0", 1), "\x01",     "\x1b[31m",  "\x7f",         "\v", "\xff\xfe{\x01", "\x80", "\xC2", "a\xC2",
        "\xC0\x80",          // overlong
        "\xC1\xBF",          // overlong
        "\xE0\x80\x80",      // overlong
        "\xE0\x9F\xBF",      // overlong
        "\xED\xA0\x80",      // a surrogate
        "\xF0\x80\x80\x80",  // overlong
        "\xF0\x8F\xBF\xBF",  // overlong
        "\xF4\x90\x80\x80",  // beyond U+10FFFF
        "\xF5\x80\x80\x80",   "\xE2\x82", "\xE2(\xAC", "\xF0\x9D\x84",
    }));
    CAPTURE(text);
    CHECK_FALSE(is_text(text));
}

TEST_CASE("the control characters above 127 are no text either: terminals obey them") {
    CHECK_FALSE(
        is_text("\xC2\x9B"
                "31m"));  // U+009B: the same as ESC [
    CHECK_FALSE(is_text("\xC2\x80"));
    CHECK_FALSE(is_text("\xC2\x9F"));
}

TEST_CASE("text for a terminal or a log has no control characters") {
    CHECK(printable("").empty());
    CHECK(printable("plain ü€𝄞") == "plain ü€𝄞");
    CHECK(printable("a\nb\tc\rd\x1b[2Je\x7f") == "a b c d?[2Je?");
    CHECK(printable(std::string_view("a\0b", 3)) == "a?b");
    CHECK(printable("a\xC2\x9B"
                    "b\xC2\x80\xC2\x9F") == "a?b??");
    CHECK(printable("\xC2\xA0\xC3\x9B") == "\xC2\xA0\xC3\x9B");  // a no-break space, and Û
    CHECK(printable("x\xC2").starts_with("x"));
}

TEST_CASE("what is obeyed and not shown does not reach a terminal, and its neighbours do") {
    // The text is made here, digit by digit: the decoder under test has no part in it.
    const auto utf8 = [](char32_t code) {
        if (code < 0x80) {
            return std::string(1, static_cast<char>(code));
        }
        if (code < 0x800) {
            return std::string{static_cast<char>(0xC0 | code >> 6), static_cast<char>(0x80 | (code & 0x3F))};
        }
        return std::string{static_cast<char>(0xE0 | code >> 12), static_cast<char>(0x80 | (code >> 6 & 0x3F)),
                           static_cast<char>(0x80 | (code & 0x3F))};
    };
    const auto is_obeyed = [](char32_t code) {
        return code < 0x20 || (code >= 0x7F && code <= 0x9F) || code == 0x61C || code == 0x200E || code == 0x200F ||
               (code >= 0x2028 && code <= 0x202E) || (code >= 0x2066 && code <= 0x2069);
    };
    std::size_t wrong = 0;
    for (char32_t code = 0; code < 0x2100; ++code) {
        const std::string text = "a" + utf8(code) + "b";
        const bool is_white = code == '\t' || code == '\n' || code == '\r';
        wrong += printable(text) == (is_white ? "a b" : is_obeyed(code) ? "a?b" : text) ? 0U : 1U;
        // In JSON it is the same value, in other letters.
        const std::string json = to_line(Json{{"k", text}});
        wrong += Json::parse(json).at("k") == text && printable(json) == json ? 0U : 1U;
    }
    CHECK(wrong == 0);
    CHECK(printable("\xE2\x80\xAE"
                    "gpj.exe") == "?gpj.exe");
    CHECK(printable("\xED\xA0\x80") == "???");  // a surrogate is no UTF-8
}

TEST_CASE("JSON keeps its lines and all that is shown") {
    CHECK(printable_json("{\n  \"a\": \"ü€𝄞\\n\"\n}\n") == "{\n  \"a\": \"ü€𝄞\\n\"\n}\n");
    CHECK(printable_json("\"\x7F\xC2\x9B\xE2\x80\xAE\"") == "\"\\u007f\\u009b\\u202e\"");
}

TEST_CASE("a text of UTF-16 is one of UTF-8, where it is one") {
    const std::string wide(
        "\xFF\xFE"
        "a\0\xFC\0\xAC\x20\x34\xD8\x1E\xDD",
        12);
    std::string turned = wide;
    for (std::size_t at = 0; at < turned.size(); at += 2) {
        std::swap(turned[at], turned[at + 1]);
    }
    CHECK(without_byte_order_mark(wide) == "aü€𝄞");
    CHECK(without_byte_order_mark(turned) == "aü€𝄞");
    CHECK(without_byte_order_mark("\xEF\xBB\xBF"
                                  "aü€𝄞") == "aü€𝄞");
    CHECK(without_byte_order_mark("\xFF\xFE").empty());
    for (const std::string& text : {std::string("plain"), std::string(),
                                    std::string("\xFF\xFE"
                                                "a",
                                                3),
                                    std::string("\xFF\xFE\x34\xD8", 4), std::string("\xFF\xFE\x1E\xDD", 4),
                                    std::string("\xFF\xFE\x34\xD8\x34\xD8", 6),
                                    std::string("\xFF\xFE\x34\xD8"
                                                "a\0",
                                                6)}) {
        CHECK(without_byte_order_mark(text) == text);
    }
}

TEST_CASE("UTF-16 without a mark is known by two ASCII characters, where it is text") {
    const std::string wide("r\0o\0\xFC\0", 6);
    CHECK(without_byte_order_mark(wide) == "roü");
    for (const std::string& text : {std::string("r\0o\0\1\0", 6), std::string("r\0o\0x", 5), std::string("r\0", 2),
                                    std::string("\0r\0o", 4), std::string("r\0o\0\x34\xD8", 6)}) {
        CHECK(without_byte_order_mark(text) == text);
    }
}

TEST_CASE("percent-encoded bytes are decoded, and what only looks like them stays") {
    CHECK(percent_decoded("a%20b%2Fc%C3%bc") == "a b/cü");
    for (const char* text : {"%", "%2", "%zz", "%2z", "%+1", "% 1", "100%"}) {
        CHECK(percent_decoded(text) == text);
    }
    CHECK(percent_decoded("%%41") == "%A");
}
