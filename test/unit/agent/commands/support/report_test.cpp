#include "agent/record/kept_instance.hpp"
#include "common/files/archive.hpp"
#include "common/files/file.hpp"
#include "test/fakes/fake_machine.hpp"
#include "test/fakes/printed.hpp"

#include <catch2/catch_test_macros.hpp>

#include <map>

using namespace bootwright;

namespace {

/// What is packed, by path.
std::map<std::string, std::string> reported(const FakeSystem& fake) {
    const auto file = fake.root.path("/report.tar.gz");
    printed_by(fake.system, "report", {{"FILE", file.string()}});
    std::map<std::string, std::string> files;
    read_archive(file, {}, [&](const ArchivedFile& each) { files[each.path] = each.content; });
    return files;
}

}  // namespace

TEST_CASE("a report has what is there, and says what is not") {
    FakeMachine machine;
    machine.root.write("/run/bootwright/status.json", R"({"schema": 1})");
    machine.root.write("/var/lib/bootwright/runs/000012/report.json", R"({"number": 12})", 0600);
    machine.root.write("/var/lib/bootwright/runs/000012/role_config.json", R"({"data": "hunter2"})", 0600);
    machine.root.write("/var/lib/bootwright/runs/000012/puppet.jsonl", "hunter2", 0600);
    machine.processes.answer("--unit=bootwright.service", {.lines = {"the daemon starts", "it says \033[31mred"}});
    const auto files = reported(machine);
    CHECK(files.at("status.json") == R"({"schema": 1})");
    CHECK(files.at("runs/12.json") == R"({"number": 12})");
    CHECK(files.at("journal.txt") == "the daemon starts\nit says ?[31mred\n");
    CHECK(Json::parse(files.at("doctor.json")).size() > 10);
    CHECK(files.contains("capture/metadata-answers.json"));
    const std::string& readme = files.at("README.txt");
    CHECK(readme.find("\nruns/12.json: the report of that run\n") != std::string::npos);
    CHECK(readme.find("\nhistory.jsonl: there is none\n") != std::string::npos);
    CHECK(readme.find("role configs, catalogs, and what Puppet said: ") != std::string::npos);
    for (const auto& [path, content] : files) {
        CAPTURE(path);
        CHECK(content.find("hunter2") == std::string::npos);
    }
}

TEST_CASE("a report is made of a machine on which nothing works, and of the last ten runs only") {
    const FakeSystem fake;
    for (int number = 11; number <= 22; ++number) {
        fake.root.write("/var/lib/bootwright/runs/0000" + std::to_string(number) + "/report.json", "{}", 0600);
    }
    const auto files = reported(fake);
    CHECK_FALSE(files.contains("runs/12.json"));
    CHECK(files.contains("runs/13.json"));
    CHECK(files.contains("runs/22.json"));
    CHECK(files.at("README.txt").find("\njournal.txt: ") != std::string::npos);
}

TEST_CASE("a secret that this machine knows is taken out of whatever it got into") {
    FakeMachine machine;
    machine.root.write("/etc/bootwright/agent.d/secret.json", R"({"repository": {
        "credentials": [{"host": "a.example", "from": {"file": "/etc/bootwright/token"}}]}})");
    machine.root.write("/etc/bootwright/token", "hunter2-of-a-file", 0600);
    InstanceMetadata metadata;
    metadata.platform = "ec2";
    metadata.instance_id = "i-1";
    metadata.user_data = R"({"role": "web", "repository": {"url": "https://git.example.com/a.git",
        "revision": "0123456789abcdef0123456789abcdef01234567"}, "data": {"a::b": "hunter2-of-data"}})";
    make_folder(machine.system.state(), 0700);
    keep_instance(machine.system, metadata);
    machine.root.write("/run/bootwright/status.json", "hunter2-of-a-file hunter2-of-data");
    CHECK(reported(machine).at("status.json") == "[redacted] [redacted]");
}

TEST_CASE("of a long text the end is kept") {
    FakeMachine machine;
    machine.root.write("/run/bootwright/status.json", std::string(std::size_t{9} << 20U, ' ') + "the end");
    const auto files = reported(machine);
    CHECK(files.at("status.json").size() == std::size_t{8} << 20U);
    CHECK(files.at("status.json").ends_with("the end"));
}
