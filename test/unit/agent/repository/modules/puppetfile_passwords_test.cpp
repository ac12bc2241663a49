#include "agent/repository/modules/puppetfile_passwords.hpp"

#include "common/base/error.hpp"
#include "test/fakes/errors.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;

TEST_CASE("a Puppetfile's passwords are taken out of its URLs, and stand in git's own file") {
    const PuppetfilePasswords taken = take_out_passwords(
        "mod 'a', git: 'https://u:p%2Fw@h.test/a.git', commit: 'x'\n"
        "mod \"b\", :git => \"https://token@h.test:8443/b.git\"\n"
        "mod 'c', :git => 'ssh://git@h.test/c.git' # https://h.test/@c\n"
        "mod 'd', :git => 'https://h.test/d.git'\nforge 'https://forge.test'\n");
    CHECK(taken.text ==
          "mod 'a', git: 'https://h.test/a.git', commit: 'x'\n"
          "mod \"b\", :git => \"https://h.test:8443/b.git\"\n"
          "mod 'c', :git => 'ssh://git@h.test/c.git' # https://h.test/@c\n"
          "mod 'd', :git => 'https://h.test/d.git'\nforge 'https://forge.test'\n");
    CHECK(credential_lines(taken.urls) == "https://u:p%2Fw@h.test/a.git\nhttps://token:@h.test:8443/b.git\n");
    CHECK(take_out_passwords("").text.empty());
    CHECK(take_out_passwords("mod 'x', '1.0.0'\n").urls.empty());
}

TEST_CASE(
    "a URL of a Puppetfile whose password nobody can tell, or that would be sent in clear, is refused by its line") {
    for (const char* url : {"http://u:hunter2@h.test/a.git", "git://hunter2@h.test/a", "https://#{u}:hunter2@h.test/a",
                            "https://u:hunter2@b@h.test/a", "://hunter2@h.test"}) {
        CAPTURE(url);
        const Error error =
            error_of([&] { take_out_passwords("# first\nmod 'a', git: '" + std::string(url) + "'\n"); });
        CHECK(error.code == "repository.puppetfile");
        CHECK(error.message.find("line 2") != std::string::npos);
        CHECK(error.message.find("hunter2") == std::string::npos);
    }
}
