#include "agent/repository/modules/gitmodules.hpp"

#include "agent/repository/modules/source_policy.hpp"
#include "test/fakes/errors.hpp"
#include "test/fakes/git_program.hpp"
#include "test/fakes/temporary_root.hpp"

#include <catch2/catch_test_macros.hpp>

#include <vector>

using namespace bootwright;

namespace {

const std::string parent = "https://git.example.com/org/puppet.git";

std::string gitmodules(const std::string& url) {
    return "[submodule \"m\"]\n\tpath = modules/m\n\turl = " + url + "\n";
}

std::string resolved(const std::string& url, const std::string& parent_url = parent) {
    return submodule_source({gitmodules(url)}, "modules/m", as_git_url(parent_url)).url.for_transfer();
}

/// Why the submodule is not fetched.
std::string reason(const std::string& url, const std::string& parent_url = parent) {
    const Error error = error_of([&] { return resolved(url, parent_url); });
    CHECK(error.kind == ErrorKind::permanent);
    CHECK(error.code == "repository.submodule");
    CHECK(error.message.find("modules/m") != std::string::npos);
    return error.message;
}

std::string refusal_of_file(const std::string& text) {
    const Error error = error_of([&] { return read_gitmodules({text}); });
    CHECK(error.kind == ErrorKind::permanent);
    CHECK(error.code == "repository.submodule");
    return error.message;
}

bool holds(const std::string& text, const std::string& part) {
    INFO(text);
    CHECK(text.find(part) != std::string::npos);
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a .gitmodules file is read as git reads it") {
    const std::string text =
        "\xEF\xBB\xBF# one\n"
        "; two\r\n"
        "[core]\n\turl = ignored\n"
        "[submodule \"modules/apt\"]\r\n"
        "\tpath = modules/apt # where\r\n"
        "\turl = ../apt.git ; whence\r\n"
        "\tbranch = main\n\tupdate = !rm -rf /\n"
        "[SubModule \"a \\\"b\\\" \\\\ c\"] PATH = \"modules/with space\" \n"
        "\tUrl = \"https://example.com/#a;b\"\n"
        "[submodule \"folded\"]\n"
        "path = modules/fol\\\nded\n"
        "url = ./a\" b \"c   \n"
        "shallow\n"
        "[submodule \"without-a-url\"]\npath=modules/n\n"
        "[submodule \"without-a-path\"]\nurl = x\n"
        "[submodule.dotted]\npath = modules/d\nurl = y";
    const std::map<std::string, std::string> expected{{"modules/apt", "../apt.git"},
                                                      {"modules/d", "y"},
                                                      {"modules/folded", "./a b c"},
                                                      {"modules/n", ""},
                                                      {"modules/with space", "https://example.com/#a;b"}};
    std::map<std::string, std::string> urls;
    for (const auto& [path, submodule] : read_gitmodules({text})) {
        urls[path] = submodule.written;
    }
    CHECK(urls == expected);

    const TemporaryRoot root;
    root.write("/.gitmodules", text);
    for (const auto& [path, url] : expected) {
        const std::string script =
            "for name in modules/apt 'a \"b\" \\ c' folded without-a-url dotted; do "
            "g() { git config --file .gitmodules \"submodule.$name.$1\" || :; }; "
            "if [ \"$(g path)\" = '" +
            path + "' ]; then g url; exit; fi; done; exit 1";
        CHECK(shell_with_git(root.path(), script) == url);
    }
    CHECK(read_gitmodules({}).empty());
}

TEST_CASE("a .gitmodules file that git would not read is refused with its line") {
    holds(refusal_of_file("[submodule \"a\"]\npath = x\nurl = \"y\n"), "line 3");
    holds(refusal_of_file("path = x\n"), "line 1: there is no section");
    holds(refusal_of_file("[submodule \"a]\n"), "line 1");
    holds(refusal_of_file("[submodule \"a\" b]\n"), "line 1");
    holds(refusal_of_file("[]\n"), "line 1");
    holds(refusal_of_file("[submodule \"a\"]\nurl = a\\qb\n"), "escape");
    holds(refusal_of_file("[submodule \"a\"]\nurl : b\n"), "expected `key = value`");
    holds(refusal_of_file("[submodule \"a\"]\n<<<<<<< HEAD\n"), "expected `key = value`");
    holds(refusal_of_file(std::string((1U << 20U) + 1U, '#')), "larger than 1 MiB");
}

TEST_CASE("an ambiguous .gitmodules file is refused") {
    holds(refusal_of_file("[submodule \"a\"]\nurl = x\nurl = y\n"), "line 3: a second url");
    holds(refusal_of_file("[submodule \"a\"]\npath = x\n[submodule \"a\"]\npath = y\n"), "line 4: a second path");
    holds(refusal_of_file("[submodule \"a\"]\npath = x\n[submodule \"b\"]\npath = x\n"), "two entries");
    CHECK(read_gitmodules({"[submodule \"a\"]\npath = x\npath = x\nurl = y\nurl = y\n"}).size() == 1);
}

TEST_CASE("a submodule stays inside the tree and away from git's own") {
    for (const std::string path : {"", "/etc", "../x", "a/../../x", "a/..", ".", "./a", "a//b", "a/", ".git",
                                   "a/.GIT/b", "git~1", "a\\\\b", "a\\nb"}) {
        const std::string message = refusal_of_file("[submodule \"m\"]\npath = \"" + path + "\"\nurl = x\n");
        holds(message, "its path ");
    }
    const Error error = error_of([] { return submodule_source({gitmodules("../x")}, "../modules/m", parent); });
    holds(error.message, "../modules/m");
}

TEST_CASE("a submodule that .gitmodules does not know has no URL") {
    const Error error = error_of([] { return submodule_source({gitmodules("../x")}, "modules/other", parent); });
    CHECK(error.code == "repository.submodule");
    holds(error.message, "modules/other is not fetched: .gitmodules names no URL");
    holds(reason(""), "names no URL");
}

TEST_CASE("an error of a submodule names the line and the file, which may be another module's") {
    const std::string text = "# one\n" + gitmodules("ftp://host/x") + "[submodule \"n\"]\n\tpath = n\n";
    const auto message = [&](const std::string& path, const std::string& folder) {
        return error_of([&] { return submodule_source({text, folder}, path, parent); }).message;
    };
    holds(message("modules/m", ""), "submodule at modules/m (.gitmodules, line 4) is not fetched: its URL");
    holds(message("n", "modules/apt/"), "submodule at modules/apt/n (modules/apt/.gitmodules, line 6) is not fetched");
    const Error malformed = error_of([] { return read_gitmodules({"[x]\n:", "modules/apt/"}); });
    holds(malformed.message, "modules/apt/.gitmodules, line 2: ");
    const SubmoduleSource source = submodule_source({gitmodules("../x"), "a/"}, "modules/m", parent);
    CHECK(source.named_at == "a/.gitmodules, line 3");
}

TEST_CASE("a relative URL is resolved against the parent's as git does it") {
    struct Row {
        std::string parent;
        std::string url;
        std::string expected;
        std::string of_git{};  ///< what git itself makes of it, for some: it takes 70 ms
    };
    const std::vector<Row> rows{
        {parent, "../apt.git", "https://git.example.com/org/apt.git", "https://git.example.com/org/apt.git"},
        {parent, "../../other/apt", "https://git.example.com/other/apt"},
        {parent, "./apt.git", "https://git.example.com/org/puppet.git/apt.git"},
        {parent, "../././../x/y/", "https://git.example.com/x/y"},
        {parent + "/", "../apt.git", "https://git.example.com/org/apt.git"},
        {"https://bw:secret@git.example.com:8443/p", "../apt", "https://bw:secret@git.example.com:8443/apt"},
        {"ssh://git@host:22/org/p.git", "../../a.git", "ssh://git@host:22/a.git"},
        {"git@host:org/p.git", "../apt.git", "ssh://git@host/./org/apt.git"},
        {"git@host:p.git", "../apt.git", "ssh://git@host/./apt.git", "git@host:apt.git"},
        {"git@host:~/p.git", "../apt.git", "ssh://git@host/~/apt.git", "git@host:~/apt.git"},
        {"ssh://git@host/~/p.git", "../apt.git", "ssh://git@host/~/apt.git"},
        {"host:/srv/p.git", "../apt.git", "ssh://host/srv/apt.git"},
        {"git://host/p.git", "../apt.git", "git://host/apt.git"},
        {"file:///srv/git/p.git", "../apt.git", "file:///srv/git/apt.git"},
        {"/srv/git/p.git", "../apt.git", "file:///srv/git/apt.git", "/srv/git/apt.git"},
    };
    const TemporaryRoot root;
    root.make_folder("/repository");
    shell_with_git(
        root.path("/repository"),
        "git init -q -b main .; git commit -q --allow-empty -m x; "
        "git update-index --add --cacheinfo 160000,$(git rev-parse HEAD),modules/m; git remote add origin x");
    for (const Row& row : rows) {
        INFO(row.parent << " and " << row.url);
        CHECK(resolved(row.url, row.parent) == row.expected);
        if (row.of_git.empty()) {
            continue;
        }
        root.write("/repository/.gitmodules", gitmodules(row.url));
        const std::string of_git = shell_with_git(
            root.path("/repository"), "git remote set-url origin '" + row.parent +
                                          "'; git config --unset submodule.m.url || :; git submodule -q init; "
                                          "git config submodule.m.url");
        CHECK(of_git == row.of_git);
    }
}

TEST_CASE("a relative URL never leaves the parent's host") {
    const std::string secret = "https://bw:secret@git.example.com/org/p.git";
    for (const std::string url : {"../../../x", "../../../evil.example.com/x", "../../../../../x", "../", "./", "../..",
                                  "../x/../../y", "../a//b", "../a/."}) {
        const std::string message = reason(url, secret);
        CHECK(message.find("secret") == std::string::npos);
    }
    holds(reason("../../@evil.example.com/x", secret), "\"@\" behind the host");
    CHECK(resolved("../../:x", secret) == "https://bw:secret@git.example.com/:x");
    holds(reason("../x", "s3://bucket/prefix"), "none of https");
    holds(reason("../../x", "git@host:p.git"), "climbs above the host");
}

TEST_CASE("an absolute URL gets nothing of the parent's") {
    const std::string secret = "https://bw:secret@git.example.com/org/p.git";
    CHECK(resolved("https://git.example.com/x.git", secret) == "https://git.example.com/x.git");
    CHECK(resolved("http://example.com/x", secret) == "http://example.com/x");
    CHECK(resolved("git://example.com/x", secret) == "git://example.com/x");
    CHECK(resolved("git@github.com:org/x.git", secret) == "ssh://git@github.com/./org/x.git");
    CHECK(resolved("ssh://git@[2001:db8::1]:22/x", secret) == "ssh://git@[2001:db8::1]:22/x");
    CHECK(resolved("git@[2001:db8::1]:x", secret) == "ssh://git@[2001:db8::1]/./x");
}

TEST_CASE("a file is a submodule's origin only where the parent is a file") {
    CHECK(resolved("file:///srv/x.git", "file:///srv/p.git") == "file:///srv/x.git");
    CHECK(resolved("/srv/x.git", "/srv/p.git") == "file:///srv/x.git");
    for (const std::string url : {"file:///srv/x.git", "/srv/x.git"}) {
        holds(reason(url), "a file of this machine");
    }
    holds(reason("file://host/x", "file:///srv/p.git"), "file:///");
}

TEST_CASE("a URL that a program might take for something else is refused") {
    for (const std::string url : {
             "-u/x",
             "--upload-pack=touch",
             "ext::sh -c touch% x",
             "ext::sh",
             "fd::7",
             "host::x/y",
             "ftp://host/x",

             "HTTPS://host/x",

             "x.git",
             "modules/x",
             "..",
             "ssh://-oProxyCommand=x/y",
             "ssh://%2doProxyCommand=x/y",
             "ssh://-o@host/x",
             "-oProxyCommand=x:y",
             "https://host",
             "https://host/",
             "https:///x",
             "https://@/x",
             "https://host:port/x",
             "https://[::1/x",
             "https://[::1]x/y",
             "https://ho st/x",
             "https://host/a%0ab",
             "https://host/%00",
             "https://host/%7F",
             "//host/x",
             ":x",
             "https://host\\\\/x",
             "\"https://host/a\\nb\"",
             "https://host/\x01",
         }) {
        INFO(url);
        holds(reason(url), "its URL ");
    }
    holds(reason("https://host/" + std::string(5000, 'x')), "longer than 4000");
    CHECK(reason("https://user:hunter2@-host/x").find("hunter2") == std::string::npos);
}

TEST_CASE("a path has at most a thousand bytes") {
    CHECK_FALSE(why_path_is_refused(std::string(1000, 'a')));
    CHECK(why_path_is_refused(std::string(1001, 'a')) == "its path is longer than 1000 bytes");
}
