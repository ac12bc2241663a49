#include "common/net/redactor.hpp"

#include "common/base/encoding.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <functional>

using namespace bootwright;

namespace {

Redactor with(const std::vector<std::string>& secrets) {
    Redactor redactor;
    for (const std::string& secret : secrets) {
        redactor.add(secret);
    }
    return redactor;
}

const std::string hard = R"(hunter2/'"$ \?#@%+ü;x)";

std::string escaped(const std::string& text, const std::string& signs) {
    std::string result;
    for (const char c : text) {
        result += signs.find(c) == std::string::npos ? std::string(1, c) : "\\" + std::string(1, c);
    }
    return result;
}

std::string replaced(std::string text, const std::string& what, const std::string& by) {
    for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size())) {
        text.replace(at, what.size(), by);
    }
    return text;
}

std::string lower_escapes(std::string text) {
    for (std::size_t at = text.find('%'); at != std::string::npos; at = text.find('%', at + 1)) {
        for (std::size_t i = at + 1; i < at + 3; ++i) {
            text[i] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[i])));
        }
    }
    return text;
}

struct Form {
    const char* name;
    std::function<std::string(const std::string& secret)> write;
};

const std::vector<Form> forms{
    {"as it is", [](const std::string& s) { return s; }},
    {"percent-encoded", [](const std::string& s) { return percent_encoded(s, "-._~"); }},
    {"percent-encoded in lower case", [](const std::string& s) { return lower_escapes(percent_encoded(s, "-._~")); }},
    {"percent-encoded in part", [](const std::string& s) { return percent_encoded(s, "-._~$';+@?"); }},
    {"as a form's value", [](const std::string& s) { return replaced(percent_encoded(s, "-._~ "), " ", "+"); }},
    {"JSON", [](const std::string& s) { return to_line(s); }},
    {"JSON in ASCII", [](const std::string& s) { return Json(s).dump(-1, ' ', true); }},
    {"JSON with slashes escaped", [](const std::string& s) { return replaced(to_line(s), "/", "\\/"); }},
    {"JSON in JSON", [](const std::string& s) { return to_line(to_line(s)); }},
    {"Ruby", [](const std::string& s) { return "\"" + escaped(s, "\"\\#") + "\""; }},
    {"backslashes of a shell", [](const std::string& s) { return escaped(s, "/'\"$ \\?#@%+;"); }},
    {"quotes of a shell", [](const std::string& s) { return "'" + replaced(s, "'", "'\\''") + "'"; }},
    {"quotes of Python's shlex", [](const std::string& s) { return "'" + replaced(s, "'", "'\"'\"'") + "'"; }},
    {"base64", [](const std::string& s) { return encode_base64(s); }},
    {"base64, one byte later", [](const std::string& s) { return encode_base64("u" + s + "v"); }},
    {"base64, two bytes later", [](const std::string& s) { return encode_base64("u:" + s + "vw"); }},
    {"base64 for URLs",
     [](const std::string& s) { return replaced(replaced(encode_base64("u:" + s), "+", "-"), "/", "_"); }},
    {"base64 in a URL", [](const std::string& s) { return percent_encoded(encode_base64("u:" + s), ""); }},
    {"base64 in lines", [](const std::string& s) { return encode_base64("u:" + s).insert(9, "\n"); }},
};

}  // namespace

TEST_CASE("a secret is taken out in every form that others write it in") {
    for (const std::string& secret : {hard, std::string("hunter2"), std::string("key\nof\n\tlines that go on")}) {
        const Redactor redactor = with({secret});
        for (const Form& form : forms) {
            INFO(form.name);
            const std::string written = form.write(secret);
            const std::string cleaned = redactor.cleaned("said: " + written + " (and so on)");
            CAPTURE(written, cleaned);
            CHECK(cleaned.find("[redacted]") != std::string::npos);
            CHECK(cleaned.starts_with("said: "));
            CHECK(cleaned.ends_with(" (and so on)"));
            // What is left of it: the marks around it, and of base64 what hangs on other bytes too.
            CHECK(cleaned.size() <= std::string("said: [redacted] (and so on)").size() + 12);
        }
    }
}

TEST_CASE("a secret that was cut off is taken out at the ends of a text, and where a mark says so") {
    const Redactor redactor = with({"correct-horse-battery"});
    CHECK(redactor.cleaned("it is correct-horse") == "it is [redacted]");
    CHECK(redactor.cleaned("horse-battery it is") == "[redacted] it is");
    CHECK(redactor.cleaned("it is correct-…; next") == "it is [redacted]…; next");
    CHECK(redactor.cleaned("it is correct-...") == "it is [redacted]...");
    CHECK(redactor.cleaned("…-battery it is") == "…[redacted] it is");
    CHECK(redactor.cleaned("it is correct-ho\nnext") == "it is [redacted]\nnext");
    CHECK(redactor.cleaned("a correct-horse is one") == "a correct-horse is one");
    CHECK(redactor.cleaned("it is corre") == "it is corre");
    CHECK(redactor.cleaned("Basic " + encode_base64("user:correct-horse-battery").substr(0, 20)) ==
          "Basic dXNlcjp[redacted]");
}

TEST_CASE("secrets stand beside each other, within each other, and line by line") {
    const Redactor redactor =
        with({"hunter2", "hunter2-longer", "a\"quoted\" one", "first line\nsecond line\n", "short"});
    CHECK(redactor.cleaned("x hunter2-longer hunter2 y") == "x [redacted] [redacted] y");
    CHECK(redactor.cleaned(R"({"p": "a\"quoted\" one"})") == R"({"p": "[redacted]"})");
    CHECK(redactor.cleaned("it says: second line") == "it says: [redacted]");
    CHECK(redactor.cleaned("first line\nsecond line\n") == "[redacted]");
    CHECK(redactor.cleaned("in short: nothing") == "in short: nothing");
    CHECK(redactor.cleaned("").empty());
    CHECK(Redactor().cleaned("anything \\ at % all") == "anything \\ at % all");
    CHECK(redactor.cleaned("100% \\ \\u \\u{ \\u{zz} \\x % %4") == "100% \\ \\u \\u{ \\u{zz} \\x % %4");
}

TEST_CASE("of JSON every text and every long number counts") {
    Redactor redactor;
    redactor.add_values(
        Json{{"a", "hunter2"}, {"b", {"x", {{"c", "correct horse"}}}}, {"d", 123456789}, {"e", 80}, {"f", true}});
    CHECK(redactor.cleaned("hunter2, correct horse, 123456789, 80, true, a") ==
          "[redacted], [redacted], [redacted], 80, true, a");
}

TEST_CASE("of a URL user, password and the values of the query count") {
    Redactor redactor;
    redactor.add_url("https://deployer:p%40ssword@git.example.com/a?access_token=to%2Fken1");
    CHECK(redactor.cleaned("deployer p@ssword p%40ssword to/ken1 git.example.com/a") ==
          "[redacted] [redacted] [redacted] [redacted] git.example.com/a");
}

TEST_CASE("much text with many secrets is read once") {
    Redactor redactor;
    for (int i = 0; i < 1000; ++i) {
        redactor.add("secret-number-" + std::to_string(i) + "-of-many");
    }
    std::string text;
    while (text.size() < 300'000) {
        text += "notice: /Stage[main]/Main/File[/etc/motd]/content: content changed\n";
    }
    CHECK(redactor.cleaned(text) == text);
    CHECK(redactor.cleaned(text + "secret-number-999-of-many") == text + "[redacted]");
}
