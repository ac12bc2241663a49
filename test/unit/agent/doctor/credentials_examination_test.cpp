#include "test/fakes/examined.hpp"
#include "test/fakes/fake_system.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;

namespace {

constexpr const char* configuration = R"({"repository": {"credentials": [
    {"host": "git.example.com", "user": "reader", "from": {"file": "/etc/bootwright/token"}},
    {"host": "other.example.com", "from": {"credential": "git.token"}},
    {"host": "third.example.com", "from": {"aws_secret": "of-a-store"}}]}})";

}  // namespace

TEST_CASE("each secret of this machine is opened, and none is shown") {
    const FakeSystem fake;
    fake.root.write("/etc/bootwright/agent.json", configuration);
    fake.root.write("/etc/bootwright/token", "hunter2", 0600);
    const auto findings = examined(fake.system, "credentials");
    CHECK(
        in_lines(findings) ==
        "good: the password for git.example.com can be read, and by nobody else\n"
        "not_known: the password for other.example.com: only the service is given the systemd credential git.token\n"
        "good: the password for third.example.com is in a secret store, which is asked with the place that needs it\n");
}

TEST_CASE("a secret that is missing, empty, or that others may read is bad") {
    const FakeSystem fake;
    fake.root.write("/etc/bootwright/agent.json", configuration);
    const auto first = [&] { return examined(fake.system, "credentials").front(); };
    CHECK(first().what.find("(repository.credential_missing)") != std::string::npos);
    fake.root.write("/etc/bootwright/token", "\n", 0600);
    CHECK(first().what.find("is empty (repository.credential_missing)") != std::string::npos);
    fake.root.write("/etc/bootwright/token", "hunter2", 0644);
    const Finding exposed = first();
    CHECK(exposed.state == Finding::State::bad);
    CHECK(exposed.what.find("(repository.credential_exposed)") != std::string::npos);
    CHECK(exposed.what.find("hunter2") == std::string::npos);
    CHECK(exposed.advice.find("chmod 600") != std::string::npos);
}
