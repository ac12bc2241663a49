#include "agent/fleet/hosts.hpp"

#include "agent/commands/command.hpp"
#include "test/fakes/fake_system.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

using namespace bootwright;

namespace {

using Hosts = std::vector<std::string>;

/// What the operator is told, or "" if the names are taken.
std::string refused(const FakeSystem& fake, const Hosts& words, const std::string& list = "") {
    try {
        chosen_hosts(fake.system, words, list);
        return "";
    } catch (const UsageError& error) {
        return error.message;
    }
}

}  // namespace

TEST_CASE("the fleet's machines are those of the command line and of the list, each once, in their order") {
    const FakeSystem fake;
    fake.root.write("/srv/hosts", "web-2 ansible_host=10.0.0.2\r\n\n# a comment\n; another\n[db]\n\tdb-1\nweb-1\n");
    CHECK(chosen_hosts(fake.system, {"web-1", "root@10.0.0.7", "ssh://web-3:2222", "fe80::1%eth0", "web-1"},
                       fake.root.path("/srv/hosts")) ==
          Hosts{"web-1", "root@10.0.0.7", "ssh://web-3:2222", "fe80::1%eth0", "web-2", "db-1"});
}

TEST_CASE("sections of Ansible that name no machines are passed over") {
    CHECK(hosts_of_list("a\n[web:children]\ngroup\n[web:vars]\nansible_user=root\n[db]\nb\n", "x") == Hosts{"a", "b"});
}

TEST_CASE("what ssh would take for an option, or a shell for more than a word, is no machine") {
    const FakeSystem fake;
    const std::string word = GENERATE("-oProxyCommand=touch /tmp/x", "-", "a b", "a;b", "$(a)", "`a`", "a\nb", "a'b",
                                      "", "all:", "web[01:50]", "a*;b", "\x1b[2J");
    CAPTURE(word);
    CHECK(refused(fake, {word}).find("is no machine's name") != std::string::npos);
    CHECK(refused(fake, {word}).find('\x1b') == std::string::npos);
}

TEST_CASE("a name of a list that is none is refused with its line") {
    const FakeSystem fake;
    fake.root.write("/srv/hosts", "web-1\n-oProxyCommand=x\n");
    CHECK(refused(fake, {}, fake.root.path("/srv/hosts")).find("/srv/hosts:2: \"-oProxyCommand=x\"") !=
          std::string::npos);
    fake.root.write("/srv/empty", "# nobody\n");
    CHECK(refused(fake, {}, fake.root.path("/srv/empty")).find("--hosts FILE") != std::string::npos);
    CHECK(refused(fake, {}).find("which machines?") == 0);
}

TEST_CASE("a pattern means the names of ssh_config's Host lines") {
    FakeSystem fake;
    fake.system.environment["HOME"] = "/home/alice";
    fake.root.write("/home/alice/.ssh/config",
                    "Host web-1 web-2 *.example !web-9\n  HostName 10.0.0.1\n"
                    "host=\"web-3\"\nInclude more/*.conf ~/.ssh/config\nMatch host web-8\n");
    fake.root.write("/home/alice/.ssh/more/a.conf", "HOST db-1 web-4 -oProxyCommand=x\nInclude more/a.conf\n");
    fake.root.write("/etc/ssh/ssh_config", "Include /etc/ssh/ssh_config.d/*.conf\nHost *\n  Port 22\n");
    fake.root.write("/etc/ssh/ssh_config.d/fleet.conf", "Host web-5 web-1\n");
    CHECK(hosts_of_ssh_config(fake.system) == Hosts{"web-1", "web-2", "web-3", "db-1", "web-4", "web-5", "web-1"});
    CHECK(chosen_hosts(fake.system, {"web-?", "d*"}, "") == Hosts{"web-1", "web-2", "web-3", "web-4", "web-5", "db-1"});
    CHECK(refused(fake, {"mail-*"}).find("has a name like mail-*") != std::string::npos);
}

TEST_CASE("without ssh_config a pattern means nobody") {
    const FakeSystem fake;
    CHECK(hosts_of_ssh_config(fake.system).empty());
}
