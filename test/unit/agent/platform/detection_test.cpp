#include "agent/platform/detection.hpp"

#include "agent/platform/platform.hpp"
#include "test/fakes/errors.hpp"
#include "test/fakes/fake_system.hpp"
#include "test/fakes/fixtures.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>

using namespace bootwright;
namespace fs = std::filesystem;

namespace {

/// A captured machine: test/fixtures/PLATFORM/root*.
struct Captured {
    std::string platform;
    fs::path root;
};

std::vector<Captured> captured_machines() {
    std::vector<Captured> machines;
    for (const auto& platform : fs::directory_iterator(fixture_path(""))) {
        for (const auto& root : fs::directory_iterator(platform)) {
            if (root.path().filename().string().starts_with("root")) {
                machines.push_back({platform.path().filename(), root.path()});
            }
        }
    }
    return machines;
}

System on_machine(const FakeSystem& fake, const fs::path& root) {
    System system{.http = fake.system.http,
                  .processes = fake.system.processes,
                  .clock = fake.system.clock,
                  .random = fake.system.random,
                  .root = root,
                  .fetch_program = fake.system.fetch_program,
                  .ruby_folder = fake.system.ruby_folder,
                  .environment = {}};
    // systemd sets it for every service that loads credentials, also where there is none.
    system.environment["CREDENTIALS_DIRECTORY"] = "/run/credentials/bootwright.service";
    return system;
}

std::vector<std::string> names_that_match(const System& system) {
    std::vector<std::string> names;
    for (const Platform* platform : platforms()) {
        const auto evidence = platform->detect(system, AgentConfig{});
        CHECK_FALSE(evidence.empty());
        if (std::any_of(evidence.begin(), evidence.end(), [](const Evidence& one) { return one.matched; })) {
            names.emplace_back(platform->name());
        }
    }
    return names;
}

}  // namespace

TEST_CASE("every captured machine is recognised by exactly one platform, all against all") {
    const FakeSystem fake;
    const auto machines = captured_machines();
    CHECK(machines.size() >= 40);
    for (const Captured& machine : machines) {
        CAPTURE(machine.root);
        const System system = on_machine(fake, machine.root);
        if (machine.platform == "unknown") {
            CHECK(names_that_match(system).empty());
            CHECK(error_of([&] { return find_platform(system, AgentConfig{}, {}).name(); }).code ==
                  "platform.not_recognised");
        } else {
            CHECK(names_that_match(system) == std::vector{machine.platform});
            CHECK(find_platform(system, AgentConfig{}, {}).name() == machine.platform);
        }
    }
}

TEST_CASE("every platform has a captured machine, and a unique name") {
    const auto machines = captured_machines();
    std::vector<std::string> names;
    for (const Platform* platform : platforms()) {
        CAPTURE(platform->name());
        CHECK(std::any_of(machines.begin(), machines.end(),
                          [&](const Captured& machine) { return machine.platform == platform->name(); }));
        CHECK(std::find(names.begin(), names.end(), platform->name()) == names.end());
        names.emplace_back(platform->name());
    }
    CHECK(names.front() == "configdrive");  // by precedence, then by name
    CHECK(names.back() == "file");
}

TEST_CASE("what was given on purpose wins over the cloud, and the image's file comes last") {
    FakeSystem fake;
    fake.root.copy(fixture_path("file/root"));
    CHECK(find_platform(fake.system, {}, {}).name() == "file");
    fake.root.copy(fixture_path("ec2/root-nitro"));
    CHECK(find_platform(fake.system, {}, {}).name() == "ec2");
    fake.root.copy(fixture_path("nocloud/root-seed-folder"));
    CHECK(find_platform(fake.system, {}, {}).name() == "nocloud");
    fake.root.copy(fixture_path("credential/root"));
    fake.system.environment["CREDENTIALS_DIRECTORY"] = "/run/credentials/bootwright.service";
    CHECK(find_platform(fake.system, {}, {}).name() == "credential");
}

TEST_CASE("a machine that nobody recognises is told with every rule and what it saw, and may be recognised later") {
    FakeSystem fake;
    fake.root.write("/sys/class/dmi/id/product_uuid", "1234\n");
    const Error error = error_of([&] { return find_platform(fake.system, {}, {}).name(); });
    CHECK(error.code == "platform.not_recognised");
    CHECK(error.kind == ErrorKind::transient);
    CHECK(error.message.find("ec2: product_uuid starts with ec2, but saw 1234") != std::string::npos);
    CHECK(error.message.find("nocloud: ") != std::string::npos);
    CHECK(error.message.find("credential: ") != std::string::npos);
    CHECK(error.message.find("file: /etc/bootwright/role.json exists, but saw (no such file)") != std::string::npos);
}

TEST_CASE("the image's configuration names the platform, and the kernel command line overrules it") {
    FakeSystem fake;
    fake.root.copy(fixture_path("ec2/root-nitro"));
    AgentConfig config;
    config.platform = "file";
    CHECK(find_platform(fake.system, config, {}).name() == "file");
    fake.root.write("/proc/cmdline", "ro bootwright.platform=nocloud quiet\n");
    CHECK(find_platform(fake.system, config, {}).name() == "nocloud");
    fake.root.write("/proc/cmdline", "bootwright.platform=auto\n");
    config.platform = "auto";
    CHECK(find_platform(fake.system, config, {}).name() == "ec2");
}

TEST_CASE("an unknown name is refused for good, with the names to choose from") {
    FakeSystem fake;
    AgentConfig config;
    config.platform = "ec3";
    const Error error = error_of([&] { return find_platform(fake.system, config, {}).name(); });
    CHECK(error.code == "platform.unknown_name");
    CHECK(error.kind == ErrorKind::permanent);
    CHECK(error.message.find("agent.json") != std::string::npos);
    CHECK(error.advice.starts_with("use one of: auto, configdrive, credential, lxd, nocloud, akamai, "));
    fake.root.write("/proc/cmdline", "bootwright.platform=\n");
    CHECK(error_of([&] { return find_platform(fake.system, {}, {}).name(); }).message.find("kernel command line") !=
          std::string::npos);
}

TEST_CASE("where no rule matches, the clouds are asked, and the one that proves itself wins") {
    FakeSystem fake;
    fake.http.answer("GET /computeMetadata/v1/instance/id",
                     {HttpResponse{.status = 200, .headers = {{"metadata-flavor", "Google"}}, .body = "7"}});
    const Detection detection = detect_platform(fake.system, {}, {});
    REQUIRE(detection.platform != nullptr);
    CHECK(detection.platform->name() == "gce");
    CHECK(detection.chosen_by == "the answer of its metadata service");
}

TEST_CASE("an answer that any server could give proves no cloud") {
    FakeSystem fake;
    fake.http.on_request = [&](const std::string& key) {
        fake.http.answer(key, {HttpResponse{.status = 200, .body = R"({"id": "x", "hostname": "x"})"}});
    };
    const Detection detection = detect_platform(fake.system, {}, {});
    CHECK(detection.platform == nullptr);
    CHECK(detection.probes.size() > 5);
    for (const auto& [platform, request, seen] : detection.probes) {
        CHECK(seen == "HTTP status 200");
    }
}

TEST_CASE("no cloud is asked where a rule matches, or where the platform was named") {
    FakeSystem fake;
    AgentConfig config;
    config.platform = "file";
    CHECK(detect_platform(fake.system, config, {}).probes.empty());
    fake.root.copy(fixture_path("hetzner/root"));
    CHECK(detect_platform(fake.system, {}, {}).probes.empty());
    CHECK(fake.http.requests.empty());
}

TEST_CASE("a machine that nobody proves to know is told with what each cloud answered") {
    FakeSystem fake;
    fake.http.answer_status("GET /v1.json", 404);
    const Error error = error_of([&] { return find_platform(fake.system, {}, {}).name(); });
    CHECK(error.code == "platform.not_recognised");
    CHECK(error.message.find("vultr: GET http://169.254.169.254/v1.json: HTTP status 404") != std::string::npos);
    CHECK(error.message.find("hetzner: sys_vendor is Hetzner, but saw (no such file)") != std::string::npos);
}

TEST_CASE("what a rule saw is told without the credentials of a URL") {
    FakeSystem fake;
    fake.root.write("/proc/cmdline", "ro ds=NoCloud;s=http://bob:hunter2@10.0.0.1/ quiet\n");
    fake.root.write("/sys/class/dmi/id/product_serial", "ds=NoCloud;s=http://bob:hunter2@10.0.0.1/\n");
    const Detection detection = detect_platform(fake.system, {}, {});
    CHECK(not_recognised(detection).message.find("hunter2") == std::string::npos);
    CHECK(not_recognised(detection).message.find("ds=NoCloud;s=http://10.0.0.1/") != std::string::npos);
    for (const auto& [platform, evidence] : detection.rules) {
        CHECK(evidence.seen.find("hunter2") == std::string::npos);
    }
}
