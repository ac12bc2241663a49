#include "agent/pages/man_page.hpp"

#include "agent/commands/command_line.hpp"
#include "agent/pages/completion.hpp"
#include "agent/pages/roff.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

using namespace bootwright;
using Catch::Matchers::ContainsSubstring;

namespace {

const PageSource source{.date = "2026-03-03",
                        .commands =
                            "# Commands\n\n| command | does |\n|-|-|\n| `bootwright why RESOURCE` | who |\n"
                            "| `bootwright why-not` | unrelated |\n\n"
                            "## Exit statuses\n\nAll end with 0.\n\n## More\n\nNot this.\n"};

}  // namespace

TEST_CASE("the page of a command has all that its help has, what the document says of it, and how it ends") {
    for (const Command* command : all_commands()) {
        const std::string page = command_page(source, *command);
        CAPTURE(page);
        for (const CommandOption& option : command->options) {
            CHECK_THAT(page,
                       ContainsSubstring(roff_text(option.name, true)) && ContainsSubstring(roff_line(option.help)));
        }
        for (const CommandExample& example : command->examples) {
            CHECK_THAT(page, ContainsSubstring(roff_text(example.line, true)));
        }
        CHECK_THAT(page, ContainsSubstring(".SH EXIT STATUS\nAll end with 0.\n") && !ContainsSubstring("Not this"));
        CHECK(page.ends_with("(7)\n"));
        const bool is_described = page.find("RESOURCE\\fR\nwho\n") != std::string::npos;
        CHECK(is_described == (command->name == "why"));
        CHECK_THAT(page, !ContainsSubstring("unrelated"));
    }
}

TEST_CASE("the first page names each other page") {
    const std::string page = overview_page(source);
    CHECK(page.starts_with(".TH BOOTWRIGHT 1 2026-03-03 "));
    for (const Command* command : all_commands()) {
        const bool is_named = page.find(roff_text(page_name(*command), true) + " (1)") != std::string::npos;
        CHECK(is_named == (command->run != nullptr));
    }
}

TEST_CASE("a document is a page of its own, which does not name itself at its end") {
    const DocumentPage errors{"operations.md", "bootwright-errors", '7', "What each error means"};
    const std::string page = document_page(source, errors, "# Operations\n\nText.\n");
    CHECK(page.starts_with(".TH BOOTWRIGHT\\-ERRORS 7 2026-03-03 "));
    CHECK_THAT(
        page, ContainsSubstring("bootwright\\-errors \\- what each error means\n.SH DESCRIPTION\nText.\n.SH SEE ALSO"));
    CHECK(page.ends_with(".BR bootwright\\-role (5)\n"));
}

TEST_CASE("the scripts of all shells know each command and option") {
    for (const std::string& script : {bash_completion(), zsh_completion(), fish_completion()}) {
        for (const Command* command : all_commands()) {
            CHECK_THAT(script, ContainsSubstring(std::string(command->name)));
            for (const CommandOption& option : command->options) {
                CHECK_THAT(script, is_argument(option) ? ContainsSubstring(std::string(command->name))
                                                       : ContainsSubstring(option.name.substr(2)));
            }
        }
    }
}
