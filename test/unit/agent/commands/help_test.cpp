#include "agent/help/runbook.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "test/fakes/errors.hpp"
#include "test/fakes/fake_system.hpp"
#include "test/fakes/printed.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

using namespace bootwright;
using Catch::Matchers::ContainsSubstring;

namespace {

std::string help_on(const std::string& topic) {
    FakeSystem fake;
    return printed_by(fake.system, "help", {{"CODE", topic}});
}

}  // namespace

TEST_CASE("the help on an error says what it means, what to check and what to do, in 80 columns") {
    CHECK(help_on("daemon.locked") ==
          "daemon.locked\n"
          "(permanent)\n"
          "\n"
          "Another daemon is running on this machine.\n"
          "\n"
          "Check:  `systemctl status bootwright`, `pgrep -a bootwright`.\n"
          "\n"
          "Do:     use that one, or stop it first. `bootwright run` works beside it.\n");
    for (const RunbookEntry& entry : runbook()) {
        const std::string text = help_on(entry.codes.front());
        CAPTURE(text);
        CHECK(text.starts_with(entry.codes.front()));
        for (const std::string& line : split(text, '\n')) {
            CHECK(line.size() <= (line.starts_with(entry.codes.front()) ? 200 : 80));
        }
    }
}

TEST_CASE("the beginning of codes lists all that begin so") {
    const std::string text = help_on("health");
    CHECK(text.starts_with("health.failed\n    Puppet did its work"));
    CHECK_THAT(help_on("git"), ContainsSubstring("git.corrupt\n") && ContainsSubstring("\ngit.tree_refused\n"));
}

TEST_CASE("the help on a command is its own --help; without a word it is the program's") {
    FakeSystem fake;
    CHECK_THAT(help_on("why"), ContainsSubstring("Usage: bootwright why"));
    CHECK_THAT(printed_by(fake.system, "help", {{"CODE", "snapshot"}, {"MORE", "make"}}),
               ContainsSubstring("Usage: bootwright snapshot make"));
    CHECK_THAT(help_on("snapshot"), ContainsSubstring("verify"));
    CHECK_THAT(printed_by(fake.system, "help"), ContainsSubstring("Usage: bootwright"));
}

TEST_CASE("what is neither an error nor a command is said, with what was meant") {
    FakeSystem fake;
    const auto asked = [&](const std::string& topic) {
        return error_of([&] { return run_command(fake.system, "help", {{"CODE", topic}}); });
    };
    CHECK(asked("git.norepository").code == "help.no_such_topic");
    CHECK(asked("git.norepository").advice == "did you mean \"git.no_repository\"?");
    CHECK(asked("statsu").advice == "did you mean \"status\"?");
    CHECK_THAT(asked("zzzzzzzzzzzz").advice, ContainsSubstring("`bootwright help` lists"));
}
