// The child: its request, its events, its error.

#include "agent/repository/fetch/fetch.hpp"

#include "test/fakes/fetch_tests.hpp"
#include "test/fakes/fetch_world.hpp"
#include "test/fakes/git_program.hpp"

#include <catch2/catch_test_macros.hpp>

#include <iostream>
#include <sstream>

using namespace bootwright;
using namespace bootwright::fetch_tests;

namespace {

/// What the child reads from standard input while it lives.
class Typed {
public:
    explicit Typed(const std::string& text) : text_(text), before_(std::cin.rdbuf(text_.rdbuf())) { std::cin.clear(); }
    Typed(const Typed&) = delete;
    Typed& operator=(const Typed&) = delete;
    ~Typed() { std::cin.rdbuf(before_); }

private:
    std::istringstream text_;
    std::streambuf* before_;
};

}  // namespace

TEST_CASE("the child reads its request and answers with events, a JSON object a line") {
    World world;
    const Typed input(to_line(to_json(world.request)));
    const Captured output(std::cout);
    CHECK(run_fetch_child() == 0);
    std::istringstream lines(output.text());
    std::string line;
    Json last;
    while (std::getline(lines, line)) {
        last = Json::parse(line);
        CHECK((last.contains("progress") || last.contains("place") || last.contains("checkout")));
        if (last.contains("place")) {
            CHECK(last.at("place").at("place") == world.request.name_url.shown());
            CHECK(last.at("place").at("said") == "gave it");
            CHECK(last.at("place").at("seconds").is_number());
        }
    }
    CHECK(last.at("checkout").at("revision") == world.request.revision);
    CHECK(last.at("checkout").at("signer") == "");
    CHECK(last.at("checkout").at("words").at("author") == "a");
}

TEST_CASE("the child hands its error on") {
    World world;
    world.request.revision = std::string(40, '0');
    const Typed input(to_line(to_json(world.request)));
    const Captured output(std::cout);
    CHECK(run_fetch_child() == 1);
    const std::string text = output.text();
    const Json last = Json::parse(text.substr(text.rfind('\n', text.size() - 2) + 1));
    CHECK(last.at("error").at("code") == "git.revision_not_found");
    CHECK(last.at("error").at("kind") == "permanent");
}

TEST_CASE("a request that makes no sense is answered with an error too") {
    for (const char* text : {"", "rubbish", "{}", "[]"}) {
        CAPTURE(text);
        const Typed input(text);
        const Captured output(std::cout);
        CHECK(run_fetch_child() == 1);
        CHECK(Json::parse(output.text()).at("error").at("code") == "repository.fetch_crashed");
    }
}
