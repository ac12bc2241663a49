#include "common/documents/yaml.hpp"

#include "test/fakes/errors.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

using namespace bootwright;

TEST_CASE("mappings, sequences and scalars become JSON") {
    const auto parsed = parse_yaml("---\na: 1\nb: [x, 'y', \"z\"]\nc:\n  d: true\n  e:\n");
    REQUIRE(parsed);
    CHECK(*parsed == Json::parse(R"({"a": 1, "b": ["x", "y", "z"], "c": {"d": true, "e": null}})"));
}

TEST_CASE("plain scalars have the types of YAML 1.2, quoted ones are strings") {
    struct Row {
        std::string text;
        Json wanted;
    };
    const Row row = GENERATE(values<Row>({
        {"12", 12},
        {"-7", -7},
        {"9223372036854775807", 9223372036854775807},
        {"1.5", 1.5},
        {"1e3", 1000.0},
        {"true", true},
        {"false", false},
        {"null", nullptr},
        {"~", nullptr},
        {"", nullptr},
        {"'12'", "12"},
        {"\"true\"", "true"},
        {"''", ""},
        {"!!str 12", "12"},
        {"yes", "yes"},
        {"no", "no"},
        {"+5", "+5"},
        {"inf", "inf"},
        {"nan", "nan"},
        {"12 apples", "12 apples"},
        {"0x10", "0x10"},
        {"1_000", "1_000"},
        {"1e999", "1e999"},
        {"2026-11-22", "2026-11-22"},
        {"1:30", "1:30"},
    }));
    CAPTURE(row.text);
    const auto parsed = parse_yaml("k: " + row.text + "\n");
    REQUIRE(parsed);
    CHECK(parsed->at("k") == row.wanted);
}

TEST_CASE("a word that only C++ takes for a number is a string") {
    const auto parsed = parse_yaml("k: nan(1)\n");
    REQUIRE(parsed);
    CHECK(parsed->at("k") == "nan(1)");
}

TEST_CASE("scalars can be had as they are written") {
    const auto parsed =
        parse_yaml("a: 007\nb: 1e10\nc: true\nd: ~\ne: ''\nf: [0x1, {g: 1.50}]\n", YamlScalars::as_written);
    REQUIRE(parsed);
    CHECK(*parsed ==
          Json::parse(R"({"a": "007", "b": "1e10", "c": "true", "d": null, "e": "", "f": ["0x1", {"g": "1.50"}]})"));
}

TEST_CASE("what is not one YAML document gives nothing") {
    for (const char* text : {"a: [1", "a: b: c", "\t- x", "{", "a: *unknown", "\"open", "a: &x [*x", "%YAML 9.9\n%"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_yaml(text));
    }
    CHECK(parse_yaml("") == Json());
    CHECK(parse_yaml("# only a comment\n") == Json());
}

TEST_CASE("a document that grows by aliases is refused before it fills the memory") {
    std::string laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
    for (int i = 1; i < 12; ++i) {
        const std::string previous = "*a" + std::to_string(i - 1);
        laughs += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
        for (int copy = 0; copy < 10; ++copy) {
            laughs += (copy == 0 ? "" : ", ") + previous;
        }
        laughs += "]\n";
    }
    CHECK_FALSE(parse_yaml(laughs));

    std::string long_words = "a: &a " + std::string(100'000, 'x') + "\nb: [*a";
    for (int copy = 0; copy < 1000; ++copy) {
        long_words += ", *a";
    }
    CHECK_FALSE(parse_yaml(long_words + "]\n"));
}

TEST_CASE("a document may take as much as is allowed, and not a byte more") {
    // Each of 1023 values of 16 KiB, two of 160 bytes around them, and the last: 16 MiB together.
    const auto sized = [](std::size_t last) {
        std::string text = "a: &a " + std::string(16384 - 160, 'x') + "\nb: [*a";
        for (int copy = 1; copy < 1022; ++copy) {
            text += ", *a";
        }
        return text + "]\nc: " + std::string(last, 'y') + "\n";
    };
    CHECK(parse_yaml(sized(15904)));
    CHECK_FALSE(parse_yaml(sized(15905)));
}

TEST_CASE("a document that contains itself is refused") { CHECK_FALSE(parse_yaml("a: &a [*a]\n")); }

TEST_CASE("the nesting of YAML is limited, so that no document can use up the stack") {
    CHECK(parse_yaml(std::string(33, '[') + std::string(33, ']')));
    CHECK_FALSE(parse_yaml(std::string(34, '[') + std::string(34, ']')));
    CHECK_FALSE(parse_yaml(std::string(100000, '[')));
    CHECK_FALSE(parse_yaml(std::string(100000, '{')));
    std::string dashes;
    for (int i = 0; i < 20000; ++i) {
        dashes += "- ";
    }
    CHECK_FALSE(parse_yaml(dashes));
}

TEST_CASE("a key that is no scalar does no harm") {
    const auto parsed = parse_yaml("? [a, b]\n: 1\n");
    REQUIRE(parsed);
    CHECK(parsed->is_object());
}

TEST_CASE("a document that people wrote knows the line of each key") {
    const JsonDocument document = parse_yaml_document("a: 1\nb:\n  c: [2]\n", "user-data", "role.invalid");
    CHECK(document.root == Json::parse(R"({"a": 1, "b": {"c": [2]}})"));
    CHECK(document.error_at({"b", "c"}, "why", "do").message == "user-data:3: b.c: why");
    for (const char* wrong : {"a: 1\na: 2\n", "a: 1\n[b]: 2\n"}) {
        CAPTURE(wrong);
        const Error error = error_of([&] { return parse_yaml_document(wrong, "user-data", "role.invalid"); });
        CHECK(error.code == "role.invalid");
        CHECK(error.message.starts_with("user-data:2: a key that stands there twice, or is no plain word"));
    }
}

TEST_CASE("of somebody else's list what breaks the rules is null, and the rest is read with its lines") {
    const JsonDocument list =
        parse_yaml_list("- a: 1\n- {b: 1, b: 2}\n- !!binary AA==\n- c:\n    d: x\n", "list", "x.y");
    CHECK(list.root == Json::parse(R"([{"a": 1}, null, null, {"c": {"d": "x"}}])"));
    CHECK(list.places.at({"3", "c", "d"}).line == 5);
    CHECK(error_of([] { return parse_yaml_list("a: 1\n", "list", "x.y"); }).message ==
          "list:1: the top level must be a list, but it is object");
}
