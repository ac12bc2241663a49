#include "test/fakes/two_repositories.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

using namespace bootwright;
using namespace bootwright::pack_tests;

TEST_CASE("a file that git's own checkout converts is found, whichever .gitattributes says so") {
    struct Row {
        const char* attributes;
        const char* nested;  ///< those of the folder d
        const char* expected;
    };
    const Row row = GENERATE(values<Row>({
        {"*.reg working-tree-encoding=UTF-16LE", "", "working-tree-encoding=UTF-16LE"},
        {"", "*.reg text working-tree-encoding=UTF-16LE", "working-tree-encoding=UTF-16LE"},
        {"[attr]win working-tree-encoding=UTF-16LE\n*.reg win", "", "working-tree-encoding=UTF-16LE"},
        {"[attr]win working-tree-encoding=UTF-16LE\n*.txt win", "", ""},
        {"*.reg working-tree-encoding=UTF-16LE\n*.reg !working-tree-encoding", "", ""},
        {"*.reg working-tree-encoding=UTF-16LE", "*.reg !working-tree-encoding", ""},
        {"*.reg working-tree-encoding=utf-8", "", ""},
        {"*.reg filter=up", "", "filter=up"},
        {"/d/*.reg filter=up", "", "filter=up"},
        {"/*.reg filter=up", "", ""},
        {"d/** filter=up", "", "filter=up"},
        {"*.reg filter=up", "*.reg -filter", ""},
        {"*.reg filter=up", "a.reg !filter", ""},
        {"*.reg -filter\na.reg filter=up", "", "filter=up"},
        {"a.reg filter=up\n*.reg -filter", "", ""},
        {"*.reg filter", "", ""},
        {"*.reg -text", "", ""},
    }));
    CAPTURE(row.attributes, row.nested);
    const std::string nested = row.nested;
    Two two(
        "git config filter.up.smudge 'tr a-z A-Z'; git config filter.up.clean cat; mkdir d; printf 'x\\n' > d/a.reg; "
        "printf '%s\\n' '" +
        std::string(row.attributes) + "' > .gitattributes; " +
        (nested.empty() ? "" : "printf '%s\\n' '" + nested + "' > d/.gitattributes; "));
    two.import(two.pack(two.head + "\\n"));
    const auto found = two.ours.first_unconverted(two.head);
    CHECK((found ? found->attribute : "") == row.expected);
    CHECK((found ? found->path : "d/a.reg") == "d/a.reg");
    const std::string of_git =
        two.shell("mkdir ../out; git --work-tree=../out checkout -q -f " + two.head +
                  " -- .; git cat-file blob HEAD:d/a.reg | cmp -s - ../out/d/a.reg && echo same || echo converted");
    CHECK(of_git == (found ? "converted" : "same"));
}

TEST_CASE("a file that git-crypt has encrypted is found, and one that it left alone is not") {
    const char* filter = GENERATE("git-crypt", "git-crypt-servers");
    CAPTURE(filter);
    const std::string attributes = "echo 'secret* filter=" + std::string(filter) + "' > .gitattributes; ";
    const std::string no_driver = "git config filter." + std::string(filter) + ".clean cat; ";
    Two with(attributes + no_driver + "mkdir data; printf '\\000GITCRYPT\\000abc' > data/secret.yaml; : > data/secret");
    with.import(with.pack(with.head + "\\n"));
    const auto found = with.ours.first_unconverted(with.head);
    REQUIRE(found);
    CHECK(found->path == "data/secret.yaml");
    CHECK(found->attribute == "filter=" + std::string(filter));
    Two without(attributes + no_driver + "echo plain > secret.yaml");
    without.import(without.pack(without.head + "\\n"));
    CHECK_FALSE(without.ours.first_unconverted(without.head));
}
