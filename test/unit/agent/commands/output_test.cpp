#include "agent/commands/output.hpp"

#include "common/base/error.hpp"
#include "test/fakes/captured_output.hpp"
#include "test/fakes/errors.hpp"

#include <catch2/catch_test_macros.hpp>

#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <sstream>
#include <streambuf>
#include <string>
#include <vector>

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

TEST_CASE("a line is folded at the words of its terminal, and goes on where it says") {
    const Line line{{{"  what      "}, {"one two three"}, {" four"}}, 12};
    using Rows = std::vector<std::string>;
    CHECK(rows_of(line, {}) == Rows{"  what      one two three four"});
    CHECK(rows_of(line, {.columns = 80}) == Rows{"  what      one two three four"});
    CHECK(rows_of({{{"a b"}, {"c d"}}}, {.columns = 4}) == Rows{"a bc", "d"});
    CHECK(rows_of({{{"one two three four five six"}}, 2}, {.columns = 22}) == Rows{"one two three four", "  five six"});
    CHECK(rows_of({{{"one two three four five six"}}, 12}, {.columns = 22}) == Rows{"one two three four", "five six"});
    CHECK(rows_of({{{"https://example.com/abc"}}}, {.columns = 10}) == Rows{"https://ex", "ample.com/", "abc"});
    CHECK(rows_of({{{"12345 67890"}}}, {.columns = 5}) == Rows{"12345", "67890"});
    CHECK(rows_of({{{"äöü äöü"}}}, {.columns = 3}) == Rows{"äöü", "äöü"});
    CHECK(rows_of({{{"a    "}}}, {.columns = 2}) == Rows{"a "});
    CHECK(rows_of({}, {.columns = 80}) == Rows{""});
    CHECK(rows_of({.pieces = {{"one two"}}, .is_one_row = true}, {.columns = 3}) == Rows{"one two"});
}

TEST_CASE("colours stand around the words, row by row, and only where there are any") {
    const Line line{{{"FAILED", Tone::bad}, {" in stage "}, {"quiet one", Tone::quiet}}};
    CHECK(rows_of(line, {.columns = 80}).front() == "FAILED in stage quiet one");
    CHECK(rows_of(line, {.columns = 22, .has_colours = true}) ==
          std::vector<std::string>{"\033[1;31mFAILED\033[0m in stage \033[2mquiet\033[0m", "\033[2mone\033[0m"});
    const Line next{{{"a", Tone::good}, {"b", Tone::doubtful}, {"c", Tone::strong}}};
    CHECK(rows_of(next, {.columns = 80, .has_colours = true}).front() ==
          "\033[32ma\033[0m\033[33mb\033[0m\033[1mc\033[0m");
}

TEST_CASE("no piece of a line is obeyed by a terminal, in colours neither") {
    const Line line{{{"a\x1b[31mb\nc\xC2\x9B", Tone::good}}};
    CHECK(rows_of(line, {.columns = 80}) == std::vector<std::string>{"a?[31mb c?"});
    CHECK(rows_of(line, {.columns = 80, .has_colours = true}).front() == "\033[32ma?[31mb c?\033[0m");
}

TEST_CASE("a terminal has colours unless it is dumb or NO_COLOR is set, and what is none has no width") {
    const int terminal = posix_openpt(O_RDWR | O_NOCTTY);
    REQUIRE(terminal >= 0);
    winsize size{};
    size.ws_col = 132;
    size.ws_row = 50;
    REQUIRE(ioctl(terminal, TIOCSWINSZ, &size) == 0);
    const Paper paper = paper_of(terminal, {{"TERM", "xterm"}});
    CHECK(paper.columns == 132);
    CHECK(paper.rows == 50);
    CHECK(paper.is_live);
    CHECK(paper.has_colours);
    CHECK(paper_of(terminal, {{"TERM", "xterm"}, {"NO_COLOR", ""}}).has_colours);
    const Paper plain = paper_of(terminal, {{"TERM", "xterm"}, {"NO_COLOR", "1"}});
    CHECK(plain.is_live);
    CHECK_FALSE(plain.has_colours);
    for (const auto& environment : {std::map<std::string, std::string>{{"TERM", "dumb"}}, {}}) {
        const Paper dumb = paper_of(terminal, environment);
        CHECK(dumb.columns == 132);
        CHECK_FALSE(dumb.is_live);
        CHECK_FALSE(dumb.has_colours);
    }
    size = {};
    REQUIRE(ioctl(terminal, TIOCSWINSZ, &size) == 0);  // a serial console
    CHECK(paper_of(terminal, {{"TERM", "vt220"}}).columns == 80);
    close(terminal);
    CHECK(paper_of(-1, {{"TERM", "xterm"}}).columns == 0);
    CHECK_FALSE(paper_of(-1, {{"TERM", "xterm"}}).has_colours);
}

TEST_CASE("live rows are drawn over the ones before, no more than there is room for, and go without a trace") {
    const std::string text = [&] {
        const CapturedOutput output;
        LiveRows rows;
        rows.show({{{{"one"}}}, {{{"two"}}}});
        rows.show(std::vector<Line>(100, Line{{{"x"}}}));
        rows.clear();
        rows.clear();
        return output.text();
    }();
    CHECK(text.starts_with("\033[?7l\r\033[Kone\n\r\033[Ktwo\n\033[J\033[?7h\033[?7l\033[2A\r\033[Kx\n"));
    const auto rows = static_cast<std::size_t>(std::count(text.begin(), text.end(), 'x'));
    CHECK(rows < 100);
    CHECK(text.ends_with("\r\033[" + std::to_string(rows) + "A\033[J"));
}
