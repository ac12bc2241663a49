#include "agent/commands/command_line.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <wordexp.h>

#include <memory>

using namespace bootwright;
using Catch::Matchers::ContainsSubstring;

namespace {

/// The words of a command line, as a shell takes them apart.
std::vector<std::string> words_of(std::string_view line) {
    wordexp_t expanded{};
    REQUIRE(wordexp(std::string(line).c_str(), &expanded, WRDE_NOCMD | WRDE_UNDEF) == 0);
    std::vector<std::string> words(expanded.we_wordv, expanded.we_wordv + expanded.we_wordc);
    wordfree(&expanded);
    return words;
}

}  // namespace

TEST_CASE("each command has examples (Command::examples), and each is a command line of that command") {
    for (const Command* command : all_commands()) {
        CAPTURE(command->name);
        CHECK(command->examples.empty() == (command->run == nullptr));
        for (const CommandExample& example : command->examples) {
            CAPTURE(example.line);
            std::vector<std::string> words = words_of(example.line);
            REQUIRE(words.front() == "bootwright");
            words.erase(words.begin());
            if (words.size() >= 2 && words[words.size() - 2] == "--root") {
                words.back() = "/";  // the folder of the example is nowhere
            }
            try {
                CHECK(parse_command_line(words).command == command);
            } catch (const UsageError& error) {
                FAIL(error.message);
            }
            CHECK(example.meaning.size() > 5);
            CHECK_FALSE(example.meaning.ends_with('.'));
        }
    }
}

TEST_CASE("the help of a command has its options, what stands for their values, and its examples") {
    const CommandLine line = parse_command_line({"status", "--help"});
    CHECK(line.command == nullptr);
    CHECK_THAT(line.help, ContainsSubstring("Usage: bootwright status [OPTIONS]") &&
                              ContainsSubstring("--timeout DURATION") &&
                              ContainsSubstring("Examples:\n  bootwright status\n"));
    CHECK_THAT(parse_command_line({"--help"}).help, ContainsSubstring("bootwright help CODE"));
}

TEST_CASE("a command line is taken apart, with --root before or after the command") {
    for (const auto& words :
         std::vector<std::vector<std::string>>{{"--root", "/tmp", "history", "--last", "3", "--json"},
                                               {"history", "--last=3", "--json", "--root", "/tmp"}}) {
        const CommandLine line = parse_command_line(words);
        CHECK(line.root == "/tmp");
        REQUIRE(line.command != nullptr);
        CHECK(line.command->name == "history");
        CHECK(line.given == std::map<std::string, std::string>{{"--last", "3"}, {"--json", ""}});
    }
    CHECK(parse_command_line({"snapshot", "verify", "x.bundle"}).command->name == "snapshot verify");
}

TEST_CASE("a command line that makes no sense is a usage error") {
    for (const auto& words : std::vector<std::vector<std::string>>{{},
                                                                   {"nothing"},
                                                                   {"status", "more"},
                                                                   {"status", "--none"},
                                                                   {"status", "--timeout", "1m"},
                                                                   {"why"},
                                                                   {"snapshot"},
                                                                   {"history", "--last"},
                                                                   {"--root", "/nowhere/at/all", "status"}}) {
        CAPTURE(words);
        CHECK_THROWS_AS(parse_command_line(words), UsageError);
    }
}

TEST_CASE("an option that may be given again keeps each of its values, and the words after it are not its own") {
    const CommandLine line = parse_command_line({"diff", "--ignore", "File[a]", "1", "--ignore", "Exec[*]", "2"});
    CHECK(line.words.at("--ignore") == std::vector<std::string>{"File[a]", "Exec[*]"});
    CHECK(line.given.at("A") == "1");
    CHECK(line.given.at("B") == "2");
    CHECK(parse_command_line({"diff", "1"}).words.at("--ignore").empty());
}
