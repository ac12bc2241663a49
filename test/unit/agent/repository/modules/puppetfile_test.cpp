#include "agent/repository/modules/puppetfile.hpp"

#include "test/fakes/errors.hpp"

#include <catch2/catch_test_macros.hpp>

#include <set>

using namespace bootwright;

namespace {

const std::string sha = "0123456789abcdef0123456789abcdef01234567";

std::vector<PuppetfileDeclaration> read(const std::string& text, const std::set<std::string>& vendored = {}) {
    return read_puppetfile(text, [&](const std::string& path) { return vendored.contains(path); });
}

/// Why the Puppetfile is refused.
std::string reason(const std::string& text, const std::set<std::string>& vendored = {}) {
    const Error error = error_of([&] { require_fixed(read(text, vendored)); });
    CHECK(error.kind == ErrorKind::permanent);
    CHECK(error.code == "repository.puppetfile");
    CHECK(error.message.starts_with("Puppetfile, line "));
    CHECK(error.advice.find("vendor the module") != std::string::npos);
    CHECK(error.advice.find("r10k") != std::string::npos);
    return error.message;
}

bool holds(const std::string& text, const std::string& part) {
    INFO(text);
    CHECK(text.find(part) != std::string::npos);
    return text.find(part) != std::string::npos;
}

/// The one module of the Puppetfile, as "path url revision".
std::string only(const std::string& text) {
    const auto modules = read(text);
    REQUIRE(modules.size() == 1);
    return modules[0].path + " " + modules[0].url.for_transfer() + " " +
           (modules[0].revision == sha ? "pinned" : modules[0].revision);
}

std::string git(const std::string& name, const std::string& url = "https://h/x.git") {
    return "mod '" + name + "', :git => '" + url + "', :commit => '" + sha + "'\n";
}

}  // namespace

TEST_CASE("a Puppetfile's git modules are read in every plain form") {
    const auto modules = read(
        "#!/usr/bin/env ruby\n"
        "forge \"https://forgeapi.example.com\";\n"
        "\n"
        "mod 'acme/one', # its author\n"
        "  :git    => 'https://git.example.com/one.git',   # a comment, with 'quotes'\n"
        "  # :branch => @librarian.basedir\n"
        "\n"
        "  :commit => '" +
        sha +
        "'\r\n"
        "mod \"two\",\n"
        "\tgit: \"git@git.example.com:acme/two.git\",\n"
        "\tref: \"" +
        sha +
        "\"\n"
        "mod('acme-three',\n  git: 'ssh://git@h/three'\n  ,\n  commit: '" +
        sha +
        "',\n)\n"
        "mod 'four', type: 'git', source: 'http://h/four', version: '" +
        sha +
        "'; mod 'five', \\\n"
        "  :type => :git, :source => 'file:///srv/five', :version => '" +
        sha + "'");
    REQUIRE(modules.size() == 5);
    CHECK(modules[0].name == "one");
    CHECK(modules[0].path == "modules/one");
    CHECK(modules[0].url == "https://git.example.com/one.git");
    CHECK(modules[0].line == 4);
    CHECK(modules[1].url == "ssh://git@git.example.com/./acme/two.git");
    CHECK(modules[1].line == 9);
    CHECK(modules[2].name == "three");
    CHECK(modules[2].line == 12);
    CHECK(modules[3].url == "http://h/four");
    CHECK(modules[4].url == "file:///srv/five");
    CHECK(modules[4].line == 17);
    for (const auto& module : modules) {
        CHECK(module.revision == sha);
    }
    CHECK(read("").empty());
    CHECK(read("# nothing\n\n").empty());
    CHECK(read("forge('https://forge.example.com')").empty());
}

TEST_CASE("forms that change nothing") {
    CHECK(only("mod 'a/b', '1.2.3', :git => 'https://h/x', :commit => '" + sha + "'") ==
          "modules/b https://h/x pinned");
    CHECK(only("mod 'b', :git => 'https://h/x', :commit => '" + sha + "', :default_branch => 'main', local: false") ==
          "modules/b https://h/x pinned");
    CHECK(only("mod 'b', :git=>'https://h/x',:commit=>\n'0123456789ABCDEF0123456789abcdef01234567'") ==
          "modules/b https://h/x pinned");
    CHECK(only("mod 'b', git:'/srv/it\\'s', commit:\"" + sha + "\"") == "modules/b file:///srv/it's pinned");
    CHECK(only("mod 'b', git: 'https://u:p@h/x', commit: '" + sha + "', exclude_spec: true") ==
          "modules/b https://u:p@h/x pinned");
}

TEST_CASE("where a module goes") {
    CHECK(only("moduledir 'vendor/'\n" + git("a-b")) == "vendor/b https://h/x.git pinned");
    CHECK(only("moduledir './x/./y//'\n" + git("b")) == "x/y/b https://h/x.git pinned");
    CHECK(only("moduledir '.'\n" + git("b")) == "b https://h/x.git pinned");
    const auto modules = read(git("a") + "moduledir 'later'\n" + git("b") + "mod 'c', git: 'https://h/c', commit: '" +
                              sha + "', install_path: 'external'\n" +
                              "mod 'data', :git => 'https://h/c', :commit => '" + sha + "', :install_path => ''\n");
    REQUIRE(modules.size() == 4);
    CHECK(modules[0].path == "modules/a");
    CHECK(modules[1].path == "later/b");
    CHECK(modules[2].path == "external/c");
    CHECK(modules[3].path == "data");
}

TEST_CASE("vendored modules are used as they are, whatever the Puppetfile says of them") {
    const std::set<std::string> vendored{"modules/stdlib", "modules/apt", "modules/x", "site/y"};
    CHECK(read("forge 'https://forge.example.com'\nmod 'puppetlabs/stdlib', '9.0.0'\nmod 'puppetlabs-apt', :latest\n"
               "mod 'x'\nmod 'y', :svn => 'https://h/svn', :rev => '1', :install_path => 'site'\n",
               vendored)
              .empty());
    CHECK(read("mod 'x', :git => 'https://h/x', :branch => 'main'\nmod 'a/apt', :github_tarball => 'a/b'\n"
               "mod 'stdlib', :path => '../x'\n",
               vendored)
              .empty());
    CHECK(read(git("x"), vendored).empty());
    CHECK(read("mod 'profile', :local => true\nmod 'role', local: true").empty());
}

TEST_CASE("a module of the Forge has to be vendored") {
    for (const std::string text : {"mod 'puppetlabs/apt', '1.2.3'", "mod 'puppetlabs-apt', :latest", "mod 'a/apt'",
                                   "mod 'a-apt', type: 'forge', version: '1.0.0'", "mod 'a/apt', nil"}) {
        holds(reason("\n" + text), "line 2, module ");
        holds(reason(text), "it comes from the Forge, and is neither locked nor vendored");
    }
}

TEST_CASE("which release of the Forge a module is, is a value") {
    const std::string sum(64, 'a');
    struct Row {
        std::string arguments;
        std::string version;
        std::string sha256{};
    };
    for (const Row& row : std::vector<Row>{{"", ""},
                                           {", :latest", ""},
                                           {", nil", ""},
                                           {", '1.2.3'", "1.2.3"},
                                           {", '1.2.3-rc.1'", "1.2.3-rc.1"},
                                           {", type: 'forge', version: '1.0.0'", "1.0.0"},
                                           {", :type => 'forge', :version => :latest", ""},
                                           {", '1.2.3', :sha256sum => '" + std::string(64, 'A') + "'", "1.2.3", sum}}) {
        INFO(row.arguments);
        const auto modules = read("mod 'acme/web'" + row.arguments);
        REQUIRE(modules.size() == 1);
        CHECK(modules[0].problem.empty());
        CHECK(modules[0].kind == PuppetfileDeclaration::Kind::forge);
        CHECK(modules[0].author == "acme");
        CHECK(modules[0].name == "web");
        CHECK(modules[0].revision == row.version);
        CHECK(modules[0].sha256 == row.sha256);
    }
    holds(reason("mod 'apt'"), "its author is not named");
    holds(reason("mod 'a/apt', '1.0.0', '2.0.0'"), "two versions");
    holds(reason("mod 'a/apt', '1.0.0', version: '2.0.0'"), "two versions");
    for (const std::string bad : {"'../x'", "'1 2'", "''", "'>= 1.0.0'", ":newest", "true"}) {
        holds(reason("mod 'a/apt', " + bad), "its version is none");
    }
    holds(reason("mod 'a/apt', '1.0.0', sha256sum: 'abc'"), "its sha256sum is not 64");
}

TEST_CASE("a git module that is not pinned by a full commit is refused") {
    const std::string url = "mod 'm', :git => 'https://h/x'";
    holds(reason(url), "line 1, module m: it comes from git, but without a commit");
    holds(reason(url + ", :tag => 'v1'"), "pinned by a tag");
    holds(reason(url + ", :tag => '" + sha + "'"), "pinned by a tag");
    holds(reason(url + ", :branch => 'main'"), "pinned by a branch");
    holds(reason(url + ", :branch => :control_branch, :default_branch => 'main'"), "pinned by a branch");
    holds(reason(url + ", :ref => 'origin/2.x'"), "its revision is no full commit id");
    holds(reason(url + ", :commit => '0123456'"), "its revision is no full commit id");
    holds(reason(url + ", :commit => '" + sha + "0'"), "its revision is no full commit id");
    holds(reason(url + ", :commit => :latest"), "the option commit is no string");
    holds(reason(url + ", :commit => '" + sha + "', :branch => 'main'"), "two revisions: commit and branch");
    holds(reason("mod 'm', type: 'git', source: 'https://h/x', version: '1.2'"), "its revision is no full commit id");
}

TEST_CASE("what a git module is pinned by is a value") {
    using By = PuppetfileDeclaration::By;
    struct Row {
        std::string options;
        By by;
        std::string revision;
        std::string default_branch{};
    };
    for (const Row& row : std::vector<Row>{
             {"", By::nothing, ""},
             {", :tag => 'v1.0'", By::tag, "v1.0"},
             {", :tag => '" + sha + "'", By::tag, sha},
             {", :branch => 'main'", By::branch, "main"},
             {", :branch => :control_branch", By::control_branch, ""},
             {", :ref => :control_branch, :default_branch => 'main'", By::control_branch, "", "main"},
             {", :branch => 'x', :default_branch => 'main'", By::branch, "x", "main"},
             {", :ref => 'production'", By::ref, "production"},
             {", :commit => '0123456'", By::ref, "0123456"},
             {", :version => 'v2'", By::ref, "v2"},
             {", :ref => '" + sha + "'", By::commit, sha},
         }) {
        INFO(row.options);
        const auto modules = read("mod 'acme/m', :git => 'https://h/x'" + row.options);
        REQUIRE(modules.size() == 1);
        CHECK(modules[0].problem.empty());
        CHECK(modules[0].author == "acme");
        CHECK(modules[0].by == row.by);
        CHECK(modules[0].revision == row.revision);
        CHECK(modules[0].default_branch == row.default_branch);
    }
    for (const std::string name : {"", "two words", "a\tb"}) {
        holds(reason("mod 'm', :git => 'https://h/x', :tag => '" + name + "'"),
              "its tag is no name of a branch or tag");
    }
    holds(reason("mod 'm', :git => 'https://h/x', :branch => '" + std::string(251, 'x') + "'"),
          "its branch is no name");
}

TEST_CASE("one error names every module that is not fetched, with its line") {
    const std::string said = reason("mod 'a/one', '1.0.0'\nmod 'two', :git => 'https://h/x', :tag => 'v1'\n" +
                                    git("fixed") + "mod 'a-three', :latest\nmod 'four', :svn => 'https://h/hunter2'\n");
    CHECK(said ==
          "Puppetfile, line 1 and others: 4 modules are not fetched: it comes from the Forge, and is neither locked "
          "nor vendored: a/one "
          "(line 1), a/three (line 4); it is pinned by a tag, which may move: two (line 2); it comes from Subversion, "
          "and is not vendored: four (line 5)");
}

TEST_CASE("other origins are refused, and named") {
    const std::string pin = ", :commit => '" + sha + "'";
    holds(reason("mod 'm', :svn => 'https://h/x', :password => 'hunter2'"), "Subversion");
    holds(reason("mod 'm', type: 'svn', source: 'https://h/x'"), "Subversion");
    holds(reason("mod 'm', type: 'tarball', source: 'https://h/x', version: '1'"), "neither git nor forge");
    holds(reason("mod 'm', :github_tarball => 'a/b'"), "the option github_tarball is not known here");
    holds(reason("mod 'm', :path => './m'"), "the option path is not known here");
    holds(reason("mod 'm', :git => 'https://h/x', :path => 'sub'" + pin), "the option path is not known here");
    holds(reason("mod 'm', :git => 'https://h/x', :source => 'https://h/y'" + pin), "two origins");
    holds(reason("mod 'm', :type => 'forge', :git => 'https://h/y'" + pin), "two origins");
    holds(reason("mod 'm', :type => 'git'" + pin), "no source");
    holds(reason("mod 'm', :git => true" + pin), "the option git is no string");
}

TEST_CASE("a folder of this machine becomes a file URL of the same path") {
    const auto modules = read_puppetfile(git("m", "/srv/a b%20c"), [](const std::string&) { return false; });
    REQUIRE(modules.size() == 1);
    CHECK(modules[0].url == "file:///srv/a%20b%2520c");
    CHECK(modules[0].url.plain_path() == "/srv/a b%20c");
}

TEST_CASE("a URL that a program might take for something else is refused, and never shown") {
    for (const std::string url : {"ext::sh", "-u", "https://hunter2@-h/x", "ftp://h/hunter2", "x/y", "", "s3://b/p",
                                  "ssh://-oProxyCommand=hunter2/x", "https://h/hunter2%0a", "https://hunter2"}) {
        const std::string message = reason(git("m", url));
        holds(message, "line 1, module m: its URL ");
        CHECK(message.find("hunter2") == std::string::npos);
    }
}

TEST_CASE("a URL in the place of a module's name is not shown") {
    const std::string url = "mod 'https://u:hunter2@h/x'";
    for (const std::string& text : std::vector<std::string>{url, url + ", x", url + " if y", git("a") + url + " 'z'",
                                                            "mod \"https://u:hunter2@h/#{x}\"",
                                                            "mod 'https://u:hunter2@h", "mod https://u:hunter2@h"}) {
        INFO(text);
        CHECK(reason(text).find("hunter2") == std::string::npos);
    }
}

TEST_CASE("a module stays inside the tree and away from git's own") {
    for (const std::string folder : {"..", "a/../..", "/etc/puppet/modules", ".git", "a/.Git", "a\\\\b"}) {
        holds(reason("moduledir '" + folder + "'\n" + git("m")), "line 2, module m: its path ");
        holds(reason("mod 'm', :local => true, :install_path => '" + folder + "'"), "its path ");
    }
    holds(reason("mod 'm', :local => true, :install_path => :x"), "install_path is no string");
}

TEST_CASE("what is no module's name is refused") {
    for (const std::string name :
         {"", "/", "a/", "-a", "a//b", "..", "a/..", ".git", "a b", "a.b", "puppetlabs/x\xC3\xA9"}) {
        holds(reason(git(name)), "line 1: what follows mod is no module's name");
    }
}

TEST_CASE("a path belongs to one module") {
    holds(reason(git("a") + git("b/a")), "line 2, module b/a: a module at the same path is declared above");
    holds(reason("mod 'a', :local => true\n" + git("a")), "line 2");
    holds(reason("moduledir 'x/y'\n" + git("z") + "moduledir 'x'\n" + git("y")),
          "line 2, module z: its folder lies inside");
    CHECK(read(git("a") + git("a_b") + git("ab")).size() == 3);
}

TEST_CASE("Ruby beyond plain declarations is refused where it stands") {
    const std::string first = "mod 'a', :local => true\n";
    struct Row {
        std::string text;
        std::string why;
    };
    for (const Row& row : std::vector<Row>{
             {"def github(name, *args)", "\"def\" is Ruby"},
             {"github 'a', '1.0'", "\"github\" is Ruby"},
             {"require 'yaml'", "\"require\" is Ruby"},
             {"metadata", "\"metadata\" is Ruby"},
             {"modules 'x'", "\"modules\" is Ruby"},
             {"<<<<<<< HEAD", "expected forge, moduledir or mod"},
             {"=begin", "expected forge, moduledir or mod"},
             {"$x = 1", "expected forge, moduledir or mod"},
             {"%w[a b].each { |m| mod m }", "expected forge, moduledir or mod"},
             {"mod 'b', :local => true if true", "module b: what follows mod's arguments is Ruby"},
             {"mod 'b', :local => true unless ENV['X']", "module b: what follows"},
             {"mod 'b', '1' + '2'", "module b: what follows"},
             {"mod 'b'.freeze", "module b: what follows"},
             {"mod 'b', :git => ENV['URL']", "module b: expected a string in quotes"},
             {"mod 'b', ENV['V']", "module b: expected a string in quotes"},
             {"mod 'b', {:git => 'x'}", "module b: expected a string in quotes"},
             {"mod 'b', :git => URL::BASE", "module b: expected a string in quotes"},
             {"mod 'b', %q(x)", "module b: expected a string in quotes"},
             {"mod 'b', **common", "module b: expected a string in quotes"},
             {"mod name", "expected a string in quotes"},
             {"mod", "expected a string in quotes"},
             {"mod :b", "expected a string after mod"},
             {"mod git: 'x'", "expected a string after mod"},
             {"mod \"b#{x}\"", "Ruby in it"},
             {"mod 'b', git: \"https://h/#@x\"", "Ruby in it"},
             {"mod 'b', git: \"a\\x41\"", "escape"},
             {"mod 'b", "does not end on its line"},
             {"mod 'b\n'", "does not end on its line"},
             {"mod 'b' '1.0'", "module b: there is no comma before a string"},
             {"mod 'b', :git => 'x' :ref => 'y'",
              "module b: what follows mod's arguments is Ruby that is not read here, or lacks a comma"},
             {"mod 'b', 'git' => 'x'", "module b: an option's name is a symbol"},
             {"mod 'b', 'git': 'x'", "module b: an option's name is a symbol"},
             {"mod 'b', :git => 'x', git: 'y'", "module b: the option git is given twice"},
             {"mod 'b', => 'x'", "expected a string in quotes"},
             {"mod('b', :local => true", "is not closed"},
             {"mod 'b', do", "expected a string in quotes"},
             {"moduledir 'a', 'b'", "moduledir takes one string"},
             {"moduledir :x", "expected a string after moduledir"},
             {"forge 'x', y: 'z'", "forge takes one string"},
         }) {
        INFO(row.text);
        holds(reason(first + row.text), "line 2");
        holds(reason(first + row.text), row.why);
    }
}

TEST_CASE("a comma before the next module is refused, not read as its argument") {
    holds(reason("mod 'a', :local => true,\nmod 'b', :local => true\n"),
          "line 2, module a: a comma is followed by the next mod");
    holds(reason("mod 'a', :local => true,\n"), "module a: expected a string");
}

TEST_CASE("a Puppetfile has limits") {
    CHECK(read(std::string(1U << 20U, '\n')).empty());
    holds(reason(std::string((1U << 20U) + 1U, '\n')), "larger than 1 MiB");
    std::string many;
    for (int i = 0; i < 1000; ++i) {
        many += git("m" + std::to_string(i));
    }
    CHECK(read(many).size() == 1000);
    holds(reason(many + git("one_more")), "line 1001, module one_more: there are more than 1000 modules");
    CHECK(reason("mod '" + std::string(5000, 'x') + "'").size() < 500);
}
