#include "agent/puppet/certname.hpp"

#include "common/base/error.hpp"
#include "test/fakes/fake_system.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;

namespace {

struct World {
    FakeSystem fake{};
    InstanceMetadata instance{.platform = "ec2", .instance_id = "i-0123", .tags = {{"Name", "Web 1"}}};
    RoleConfig role{.role = "web"};

    std::string named(const std::string& pattern) {
        role.puppet.certname = pattern;
        return certname(fake.system, instance, role);
    }
    void hostname(const std::string& name) { fake.root.write("/proc/sys/kernel/hostname", name + "\n"); }
};

}  // namespace

TEST_CASE("the certname is the instance id, unless the role config has it made of something else") {
    World world;
    world.hostname("Web1");
    CHECK(certname(world.fake.system, world.instance, world.role) == "i-0123");
    CHECK(world.named("%{hostname}") == "web1");
    CHECK(world.named("%{role}-%{id}.example.com") == "web-i-0123.example.com");
    CHECK(world.named("%{tag.Name}") == "web-1");
    CHECK(world.named("db1.example.com") == "db1.example.com");
}

TEST_CASE("what a certname wants and the machine has not is named") {
    World world;
    for (const char* pattern : {"%{tag.name}", "%{hostname}", "%{fqdn}"}) {
        CAPTURE(pattern);
        try {
            world.named(pattern);
            FAIL("nothing was missing");
        } catch (const Error& error) {
            CHECK(error.code == "puppet.certname");
            CHECK(error.kind == ErrorKind::permanent);
            CHECK(error.message.find(pattern) != std::string::npos);
        }
    }
}

TEST_CASE("the domain comes from the name, /etc/hosts or /etc/resolv.conf, without a question to the network") {
    World world;
    world.hostname("web1");
    CHECK(world.named("%{fqdn}") == "web1");
    world.fake.root.write("/etc/resolv.conf", "# domain no\ndomain a.example\nsearch\tb.example c.example\n");
    CHECK(world.named("%{fqdn}") == "web1.b.example");
    world.fake.root.write("/etc/hosts", "127.0.0.1 localhost\n127.0.1.1\tweb1.d.example web1 # itself\n");
    CHECK(world.named("%{fqdn}") == "web1.d.example");
    world.fake.root.write("/etc/hosts", "127.0.0.1 localhost web1\n");
    CHECK(world.named("%{fqdn}") == "web1.b.example");
    world.hostname("web1.e.example");
    CHECK(world.named("%{fqdn}") == "web1.e.example");
}

TEST_CASE("an instance id becomes a certname that Puppet allows") {
    CHECK(as_certname("i-1234567890abcdef0") == "i-1234567890abcdef0");
    CHECK(as_certname("0123456789ABCDEF") == "0123456789abcdef");
    CHECK(as_certname("Web 1/../x") == "web-1-..-x");
    CHECK(as_certname("a_b.c-d") == "a_b.c-d");
    CHECK(as_certname("ü") == "--");
    CHECK(as_certname("--root=/x\n") == "--root--x-");
}

TEST_CASE("a certname is neither hidden, nor a path, nor longer than a file name") {
    // Puppet makes files and folders of this name.
    CHECK(as_certname("..") != "..");
    CHECK(as_certname(".") != ".");
    CHECK(as_certname(std::string(300, 'x')).size() <= 200);
}
