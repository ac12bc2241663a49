#include "agent/commands/output.hpp"

#include "common/base/error.hpp"
#include "test/fakes/captured_output.hpp"
#include "test/fakes/errors.hpp"

#include <catch2/catch_test_macros.hpp>

#include <sstream>
#include <streambuf>
#include <string>

using namespace bootwright;

TEST_CASE("a line is one line, whatever stands in it, and a document keeps its values") {
    const Json document{{"k", "a\x1b[2J\xC2\x9B\xE2\x80\xAE"}};
    const std::string text = [&] {
        const CapturedOutput output;
        print_line("one\ntwo\x1b[2J\xC2\x9B\xE2\x80\xAE\xFF ü");
        print_json(document);
        check_output();
        return output.text();
    }();
    CHECK(text.starts_with("one two?[2J??? ü\n{\n"));
    CHECK(text.find('\x1b') == std::string::npos);
    CHECK(text.find("\\u202e") != std::string::npos);
    CHECK(Json::parse(text.substr(text.find('{'))) == document);
}

TEST_CASE("output that is lost stops nothing, and is told at the end") {
    struct Full : std::streambuf {};  // it takes nothing
    Full full;
    auto* const before = std::cout.rdbuf(&full);
    print_line("lost");
    print_line("and more");
    const Error error = error_of([] { return check_output(), 0; });
    std::cout.rdbuf(before);
    std::cout.clear();
    CHECK(error.code == "output.lost");
    CHECK_NOTHROW(check_output());
}

TEST_CASE("a live line is for terminals only") {
    std::ostringstream stream;
    LiveLine line(stream, -1);
    CHECK_FALSE(line.is_terminal());
    line.show("x");
    line.clear();
    CHECK(stream.str().empty());
}
