#include "agent/commands/past/ignored.hpp"

#include "agent/commands/command.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

using namespace bootwright;

namespace {

using Kind = ResourceChange::Kind;

std::vector<ResourceChange> changes() {
    return {{Kind::changed, "File[/etc/a]", "", 0, {{"content", "1", "2"}, {"mode", "0644", "0600"}}},
            {Kind::changed, "File[/etc/b]", "", 0, {{"content", "1", "2"}}},
            {Kind::added, "Exec[x]", "", 0, {{"command", Json(), "x"}}}};
}

/// What is left, as "File[/etc/a].mode", or "Exec[x]" of one that is new; and how much was ignored.
std::pair<std::vector<std::string>, std::size_t> left(const std::vector<std::string>& patterns) {
    auto rest = changes();
    const std::size_t count = ignore(rest, patterns);
    std::vector<std::string> names;
    for (const ResourceChange& change : rest) {
        if (change.kind == Kind::added) {
            names.push_back(change.resource);
            continue;
        }
        for (const ValueChange& value : change.parameters) {
            names.push_back(change.resource + "." + value.name);
        }
    }
    return {names, count};
}

}  // namespace

TEST_CASE("what nobody wants to see of a difference is left out, and counted") {
    using Left = std::pair<std::vector<std::string>, std::size_t>;
    const std::vector<std::string> all{"File[/etc/a].content", "File[/etc/a].mode", "File[/etc/b].content", "Exec[x]"};
    CHECK(left({}) == Left{all, 0});
    CHECK(left({"File[/etc/c]"}) == Left{all, 0});
    CHECK(left({"File[/etc/a]"}) == Left{{"File[/etc/b].content", "Exec[x]"}, 1});
    CHECK(left({"File[/etc/b].content"}) == Left{{"File[/etc/a].content", "File[/etc/a].mode", "Exec[x]"}, 1});
    CHECK(left({"File[*].content"}) == Left{{"File[/etc/a].mode", "Exec[x]"}, 2});
    CHECK(left({"*[*].mode", "Exec[*]"}) == Left{{"File[/etc/a].content", "File[/etc/b].content"}, 2});
    CHECK(left({"Exec[x].command"}) == Left{all, 0});  // that it is new is more than its parameter
    CHECK(left({"*[*]"}) == Left{{}, 3});
    CHECK(left({"File[/*/*b]"}) == left({"File[/etc/b]"}));
    CHECK(left({"File[/etc/b*b]"}) == Left{all, 0});
    CHECK(left({"File[*].*mo*e*"}) == left({"File[/etc/a].mode"}));
}

TEST_CASE("what names no resource cannot be ignored") {
    const std::string pattern = GENERATE("", "File", "File[/a", "/a]", "File[/a]content", "File[/a].", "]File[");
    CAPTURE(pattern);
    CHECK_THROWS_AS(left({pattern}), UsageError);
}
