#include "common/documents/json.hpp"

#include "test/fakes/errors.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

using namespace bootwright;
using namespace std::chrono_literals;

namespace {

JsonDocument document(std::string text) { return JsonDocument::parse(std::move(text), "agent.json", "config.invalid"); }
Error parse_error(const std::string& text) {
    return error_of([&] { return document(text); });
}

std::string nested(int levels) {
    std::string text = R"({"a": )";
    for (int i = 1; i < levels; ++i) {
        text += '[';
    }
    text += '1';
    for (int i = 1; i < levels; ++i) {
        text += ']';
    }
    return text + "}";
}

}  // namespace

TEST_CASE("a correct document keeps its text, its origin and its value") {
    const JsonDocument parsed = document("{\"a\": [1, null, \"ü\"]}\n");
    CHECK(parsed.root.at("a").size() == 3);
    CHECK(parsed.origin == "agent.json");
    CHECK(parsed.text == "{\"a\": [1, null, \"ü\"]}\n");
}

TEST_CASE("what is not a JSON object is refused, with origin and line") {
    struct Row {
        std::string text;
        std::string message;  // what it begins with
    };
    const Row row = GENERATE(values<Row>({
        {"", "agent.json:1: not valid JSON: "},
        {"   \n", "agent.json:2: not valid JSON: "},
        {"{", "agent.json:1: not valid JSON: "},
        {"{\n\"a\": 1,\n}", "agent.json:3: not valid JSON: "},
        {"{\n\"a\": 1\n\"b\": 2}", "agent.json:3: not valid JSON: "},
        {"{\"a\": 1} x", "agent.json:1: not valid JSON: "},
        {"{\"a\": 01}", "agent.json:1: not valid JSON: "},
        {"{\"a\": NaN}", "agent.json:1: not valid JSON: "},
        {"{'a': 1}", "agent.json:1: not valid JSON: "},
        {"{\"a\": 1} // comment", "agent.json:1: not valid JSON: "},
        {"{/* comment */}", "agent.json:1: not valid JSON: "},
        {"{\"a\": \"\xff\"}", "agent.json:1: not valid JSON: "},
        {"{\"a\": \"\\ud800\"}", "agent.json:1: not valid JSON: "},
        {std::string("{\"a\": \"\0\"}", 10), "agent.json:1: not valid JSON: "},
        {"[]", "agent.json:1: the top level must be a JSON object, but it is array"},
        {"null", "agent.json:1: the top level must be a JSON object, but it is null"},
        {"\"text\"", "agent.json:1: the top level must be a JSON object, but it is string"},
        {"7", "agent.json:1: the top level must be a JSON object, but it is number"},
    }));
    CAPTURE(row.text);
    const Error error = parse_error(row.text);
    CHECK(error.kind == ErrorKind::permanent);
    CHECK(error.code == "config.invalid");
    CHECK_FALSE(error.advice.empty());
    CHECK(error.message.starts_with(row.message));
    CHECK(error.message.find("json.exception") == std::string::npos);
}

TEST_CASE("a key that stands there twice is refused, at any depth") {
    CHECK(parse_error(R"({"a": 1, "b": 2, "a": 3})").message == "agent.json:1: the key \"a\" stands there twice");
    CHECK(parse_error(R"({"x": [{"b": 1, "b": 1}]})").message == "agent.json:1: the key \"b\" stands there twice");
    CHECK(parse_error(R"({"\u0061": 1, "a": 1})").message == "agent.json:1: the key \"a\" stands there twice");
    CHECK_NOTHROW(document(R"({"a": {"a": {"a": 1}}, "b": [{"a": 1}, {"a": 1}]})"));
}

TEST_CASE("nesting is limited, so that no document can use up the stack") {
    CHECK_NOTHROW(document(nested(32)));
    CHECK(parse_error(nested(34)).message.find("levels of nesting") != std::string::npos);
    CHECK(parse_error("{\"a\":" + std::string(1000000, '[')).message.find("levels of nesting") != std::string::npos);
    std::string objects;
    for (int i = 0; i < 100000; ++i) {
        objects += "{\"a\":";
    }
    CHECK(parse_error(objects).message.find("levels of nesting") != std::string::npos);
}

TEST_CASE("a syntax error never quotes what it read, since that may be a secret") {
    const std::string text = GENERATE(values<std::string>({
        R"({"password": "hunter2)",
        "{\"password\": \"hunter2\n\"}",
        R"({"password": hunter2})",
        R"({"password": "hunter2" "hunter2"})",
        R"({"password": "hunter2\x"})",
        "{\"password\": \"hunter2\xff\"}",
        R"({"password": 1hunter2})",
    }));
    CAPTURE(text);
    const Error error = parse_error(text);
    CHECK(error.message.find("hunter2") == std::string::npos);
    CHECK(error.advice.find("hunter2") == std::string::npos);
}

TEST_CASE("a secret that looks like a part of the parser's message is not quoted either") {
    CHECK(parse_error("{\"password\": \"a; expected hunter2\n\"}").message.find("hunter2") == std::string::npos);
    CHECK(parse_error("{\"password\": \"a; last read: hunter2; expected hunter2\n\"}").message.find("hunter2") ==
          std::string::npos);
}

TEST_CASE("a number that no computer can hold is an error of the document") {
    const Error error = parse_error("{\n\"pin\": 1e999}");
    CHECK(error.code == "config.invalid");
    CHECK(error.kind == ErrorKind::permanent);
    CHECK(error.message.find("1e999") == std::string::npos);
}

TEST_CASE("a hostile key cannot make an error message endless") {
    const std::string key(100000, 'k');
    CHECK(parse_error("{\"" + key + "\": 1, \"" + key + "\": 2}").message.size() < 2000);
    const JsonDocument parsed = document("{\"" + key + "\": 1}");
    CHECK(error_of([&] { return ObjectReader(parsed).finish(), 0; }).message.size() < 2000);
}

TEST_CASE("each accessor gives the value, or nothing where the key is absent") {
    const JsonDocument parsed =
        document(R"({"s": "x", "b": true, "i": -3, "d": "90s", "l": ["a", "b"], "o": {"k": "v"}})");
    ObjectReader reader(parsed);
    CHECK(reader.string("s") == "x");
    CHECK(reader.boolean("b") == true);
    CHECK(reader.integer("i", -3, 3) == -3);
    CHECK(reader.duration("d") == 90s);
    CHECK(reader.strings("l") == std::vector<std::string>{"a", "b"});
    CHECK(reader.object("o")->string("k") == "v");
    CHECK_NOTHROW(reader.finish());
    CHECK(reader.string("absent") == std::nullopt);
    CHECK(reader.boolean("absent") == std::nullopt);
    CHECK(reader.integer("absent", 0, 1) == std::nullopt);
    CHECK(reader.duration("absent") == std::nullopt);
    CHECK(reader.strings("absent") == std::nullopt);
    CHECK_FALSE(reader.object("absent"));
}

TEST_CASE("a value of the wrong type is an error that says which type is right") {
    const JsonDocument parsed = document("{\n  \"x\": {\n    \"y\": [1]\n  },\n  \"n\": null\n}");
    ObjectReader reader(parsed);
    CHECK(error_of([&] { return reader.string("x"); }).message ==
          "agent.json:2: x: expected a string, but it is object");
    CHECK(error_of([&] { return reader.boolean("n"); }).message ==
          "agent.json:5: n: expected true or false, but it is null");
    auto x = reader.object("x");
    REQUIRE(x);
    CHECK(error_of([&] { return x->object("y"); }).message == "agent.json:3: x.y: expected an object, but it is array");
    CHECK(error_of([&] { return x->strings("y"); }).message == "agent.json:3: x.y: expected a list of strings");
    CHECK(error_of([&] { return x->duration("y"); }).kind == ErrorKind::permanent);
}

TEST_CASE("a wrong value is never quoted") {
    const JsonDocument parsed = document(R"({"d": "hunter2", "l": ["ok", {"hunter2": 1}], "s": ["hunter2"]})");
    ObjectReader reader(parsed);
    CHECK(error_of([&] { return reader.duration("d"); }).message.find("hunter2") == std::string::npos);
    CHECK(error_of([&] { return reader.strings("l"); }).message.find("hunter2") == std::string::npos);
    CHECK(error_of([&] { return reader.string("s"); }).message.find("hunter2") == std::string::npos);
}

TEST_CASE("whole numbers are held to their limits, without wrapping") {
    struct Row {
        const char* text;
        bool is_right;
    };
    const Row row =
        GENERATE(Row{"0", true}, Row{"1", true}, Row{"100", true}, Row{"101", false}, Row{"-1", false},
                 Row{"4294967297", false}, Row{"9223372036854775807", false}, Row{"-9223372036854775808", false},
                 Row{"18446744073709551615", false}, Row{"18446744073709551617", false}, Row{"1.0", false},
                 Row{"1e1", false}, Row{"\"5\"", false}, Row{"true", false}, Row{"null", false});
    CAPTURE(row.text);
    const JsonDocument parsed = document(std::string("{\"n\": ") + row.text + "}");
    ObjectReader reader(parsed);
    if (row.is_right) {
        CHECK(reader.integer("n", 0, 100) == std::stoi(row.text));
    } else {
        CHECK(error_of([&] { return reader.integer("n", 0, 100); }).code == "config.invalid");
    }
}

TEST_CASE("an unknown key is refused with a suggestion, or with the known keys") {
    const JsonDocument misspelt = document("{\n  \"role\": \"web\",\n  \"repositry\": {}\n}");
    ObjectReader reader(misspelt);
    reader.string("role");
    reader.object("repository");
    const Error error = error_of([&] { return reader.finish(), 0; });
    CHECK(error.message == "agent.json:3: repositry: unknown key");
    CHECK(error.advice == "did you mean \"repository\"?");

    const JsonDocument strange = document(R"({"role": "web", "wombat": 1})");
    ObjectReader other(strange);
    other.string("role");
    other.object("facts");
    CHECK(error_of([&] { return other.finish(), 0; }).advice == "known here: role, facts");
}

TEST_CASE("the line of a value is found through nesting, arrays, escapes and strings that look like JSON") {
    const std::string text =
        "{\n"
        "  \"trap\": \"}, \\\"role\\\": 1, {\",\n"
        "  \"list\": [\n"
        "    1,\n"
        "    {\"deep\": [[],\n"
        "      {\"role\": true}]}\n"
        "  ],\n"
        "  \"a\\\"b\": 1,\n"
        "  \"\\u0072ole\":\n"
        "     \"web\",\n"
        "  \"colon:comma,\": {\"x\": -1.5e3, \"y\"  :  null},\n"
        "  \"\": 3,\n"
        "  \"ü\": [ ]\n"
        "}\n";
    REQUIRE_NOTHROW(document(text));
    using Path = std::vector<std::string>;
    CHECK(place_of(text, Path{}).line == 1);
    CHECK(place_of(text, Path{"trap"}).line == 2);
    CHECK(place_of(text, Path{"list"}).line == 3);
    CHECK(place_of(text, Path{"list", "0"}).line == 4);
    CHECK(place_of(text, Path{"list", "1", "deep"}).line == 5);
    CHECK(place_of(text, Path{"list", "1", "deep", "1", "role"}).line == 6);
    CHECK(place_of(text, Path{"list", "2"}).line == 0);
    CHECK(place_of(text, Path{"a\"b"}).line == 8);
    CHECK(place_of(text, Path{"role"}).line == 9);  // people look for the key
    CHECK(place_of(text, Path{"role"}).column == 3);
    CHECK(place_of(text, Path{"list", "1", "deep", "1", "role"}).column == 8);
    CHECK(place_of(text, Path{"colon:comma,", "y"}).line == 11);
    CHECK(place_of(text, Path{""}).line == 12);
    CHECK(place_of(text, Path{"ü"}).line == 13);
    CHECK(place_of(text, Path{"ü", "0"}).line == 0);
    CHECK(place_of(text, Path{"absent"}).line == 0);
    CHECK(place_of(text, Path{"trap", "role"}).line == 0);
    CHECK(place_of("", Path{"a"}).line == 0);
    CHECK(place_of("{}", Path{"a"}).line == 0);
}

TEST_CASE("a document that begins with a byte order mark still has lines") {
    const JsonDocument parsed = document("\xEF\xBB\xBF{\n\"x\": 1}");
    ObjectReader reader(parsed);
    CHECK(error_of([&] { return reader.string("x"); }).message.starts_with("agent.json:2: "));
}

TEST_CASE("an error survives the way through JSON") {
    Error error = permanent_error("a.b", "what \xff happened", "do");
    error.retry_after = std::chrono::seconds(2);
    const Error back = error_from_json(Json::parse(to_line(to_json(error))));
    CHECK(back.kind == ErrorKind::permanent);
    CHECK(back.code == "a.b");
    CHECK(back.message == "what ? happened");
    CHECK(back.advice == "do");
    CHECK(back.retry_after == std::chrono::seconds(2));
    CHECK_FALSE(error_from_json(to_json(permanent_error("a.b", "what", "do"))).retry_after);
    CHECK(error_from_json(to_json(stopped_error())).kind == ErrorKind::stopped);
}

TEST_CASE("whatever is read as an error becomes a valid one") {
    for (const char* text : {"{}", "[]", "null", "\"x\"", R"({"kind": 1, "code": [], "message": {}})"}) {
        const Error error = error_from_json(Json::parse(text));
        CHECK(error.kind == ErrorKind::transient);
        CHECK(error.code == "internal");
        CHECK_FALSE(error.message.empty());
        CHECK_FALSE(error.advice.empty());
    }
}

TEST_CASE("a string is taken from an object that may be anything") {
    CHECK(string_at(Json::parse(R"({"a": "b"})"), "a") == "b");
    CHECK(string_at(Json::parse(R"({"a": 1})"), "a").empty());
    CHECK(string_at(Json::parse("[]"), "a").empty());
    CHECK(string_at(Json(), "a").empty());
    CHECK(string_at(Json::parse("{", nullptr, false), "a").empty());
}

TEST_CASE("a number is taken from an object that may be anything") {
    CHECK(number_at(Json::parse(R"({"a": 7})"), "a") == 7);
    CHECK(number_at(Json{{"a", 7}}, "a") == 7);
    CHECK(number_at(Json::parse(R"({"a": 18446744073709551615})"), "a") == 18446744073709551615U);
    for (const char* text : {R"({"a": -1})", R"({"a": 1.5})", R"({"a": "7"})", R"({"a": null})", "{}", "[]", "null"}) {
        CAPTURE(text);
        CHECK(number_at(Json::parse(text), "a") == 0);
    }
}

TEST_CASE("what a program wrote is nested only so deep that writing it again cannot use up the stack") {
    const auto nested = [](std::size_t levels) {
        return parse_json("{\"a\": " + std::string(levels, '[') + std::string(levels, ']') + "}");
    };
    CHECK(nested(50).is_object());
    CHECK(nested(200).is_discarded());
    CHECK(nested(400000).is_discarded());
    CHECK(parse_json(std::string(400000, '[')).is_discarded());
}

TEST_CASE("JSON is written whatever bytes stand in it, on one line or for people") {
    const Json json{{"a", "x\n\xff"}, {"b", 1}};
    CHECK(to_line(json) == "{\"a\":\"x\\n\xEF\xBF\xBD\",\"b\":1}");
    CHECK(to_text(json) == "{\n  \"a\": \"x\\n\xEF\xBF\xBD\",\n  \"b\": 1\n}\n");
}

TEST_CASE("readers note all mistakes of a document, where somebody wants them, and go on") {
    Mistakes mistakes;
    JsonDocument parsed = document("{\n\"s\": 1,\n\"t\": {\"sting\": 2, \"n\": 7}, \"u\": 1, \"v\": 1\n}");
    parsed.mistakes = &mistakes;
    ObjectReader reader(parsed);
    CHECK_FALSE(reader.attempt([&] { reader.string("s"); }));
    CHECK(reader.attempt([&] {
        auto inner = reader.object("t").value();
        inner.string("string");
        inner.attempt([&] { inner.integer("n", 0, 5); });
        inner.finish();
    }));
    CHECK_FALSE(reader.attempt([&] { throw reader.error("s", "follows from the first", ""); }));
    reader.finish();
    REQUIRE(mistakes.size() == 5);
    CHECK(mistakes[0].path == "s");
    CHECK(mistakes[0].why == "expected a string, but it is number");
    CHECK(mistakes[0].message == "agent.json:2: s: " + mistakes[0].why);
    CHECK(mistakes[1].path == "t.n");
    CHECK(mistakes[2].path == "t.sting");
    CHECK(mistakes[2].place.line == 3);
    CHECK(mistakes[2].place.column == 7);
    CHECK(mistakes[3].path == "u");
    CHECK(mistakes[4].path == "v");
}

TEST_CASE("without such a wish the first mistake is thrown") {
    const JsonDocument parsed = document(R"({"s": 1})");
    ObjectReader reader(parsed);
    CHECK(
        error_of([&] { return reader.attempt([&] { reader.string("s"); }); }).message.starts_with("agent.json:1: s: "));
}
