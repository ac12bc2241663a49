#include "agent/repository/modules/source_policy.hpp"

#include "agent/servers/git/ssh_transport.hpp"
#include "test/fakes/errors.hpp"
#include "test/fakes/git_program.hpp"
#include "test/fakes/temporary_root.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <vector>

using namespace bootwright;

namespace {

/// Port, host and command that the ssh program gets for a URL as it is written.
std::vector<std::string> asked(const std::string& written) {
    const auto arguments = ssh_arguments({.url = as_git_url(written)}, {});
    return {*(arguments.end() - 6), *(arguments.end() - 2), arguments.back()};
}

}  // namespace

TEST_CASE("ssh is asked for the path that git itself asks for") {
    struct Row {
        const char* written;
        const char* port;
        const char* host;
        const char* path;
    };
    const std::vector<Row> rows{
        {"git@git.test:x.git", "22", "git.test", "x.git"},
        {"git@git.test:org/x y.git", "22", "git.test", "org/x y.git"},
        {"git.test:/srv/x.git", "22", "git.test", "/srv/x.git"},
        {"git.test:~/x.git", "22", "git.test", "~/x.git"},
        {"git.test:/~/x.git", "22", "git.test", "~/x.git"},
        {"git.test:~bob/x.git", "22", "git.test", "~bob/x.git"},
        {"git.test:./x.git", "22", "git.test", "./x.git"},
        {"git.test:100%/x.git", "22", "git.test", "100%/x.git"},
        {"git@[2001:db8::1]:x.git", "22", "2001:db8::1", "x.git"},
        {"[git.test:2222]:x.git", "2222", "git.test", "x.git"},
        {"[git@git.test:2222]:x.git", "2222", "git.test", "x.git"},
        {"ssh://git@git.test/~/x.git", "22", "git.test", "~/x.git"},
        {"ssh://git@git.test/%7Ebob/x.git", "22", "git.test", "~bob/x.git"},
        {"ssh://git@git.test:2222/srv/x.git", "2222", "git.test", "/srv/x.git"},
        {"ssh://git@git.test/a/~/x.git", "22", "git.test", "/a/~/x.git"},
    };
    const TemporaryRoot root;
    root.write("/ssh", "#!/bin/sh\n[ \"$1\" = -G ] && exit 1\nprintf '%s\\n' \"$@\" > asked\nexit 1\n");
    shell_with_git(root.path(), "chmod 755 ssh");
    for (const Row& row : rows) {
        INFO(row.written);
        const std::string command = "git-upload-pack '" + std::string(row.path) + "'";
        CHECK(asked(row.written) == std::vector<std::string>{row.port, row.host, command});
        const std::string of_git =
            shell_with_git(root.path(), "GIT_SSH=./ssh GIT_SSH_VARIANT=ssh git ls-remote '" + std::string(row.written) +
                                            "' >/dev/null 2>&1 || :; tail -n 1 asked");
        CHECK(of_git == command);
    }
}

TEST_CASE("a \".\" in a URL is the folder that it is, and not the user's own") {
    CHECK(asked("ssh://git@git.test/./x.git").back() == "git-upload-pack '/x.git'");
    CHECK(asked("ssh://git@git.test/././x.git").back() == "git-upload-pack '/x.git'");
}

TEST_CASE("a path that git-upload-pack would take for an option is refused") {
    for (const char* written : {"git@git.test:-x", "git@git.test:--strict"}) {
        INFO(written);
        CHECK(error_of([&] { return asked(written); }).code == "server.url_invalid");
    }
    CHECK(asked("ssh://git@git.test/./-x").back() == "git-upload-pack '/-x'");
}
