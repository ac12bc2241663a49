#include "agent/platform/detection.hpp"

#include "agent/platform/platform.hpp"
#include "test/fakes/boot_sectors.hpp"
#include "test/fakes/errors.hpp"
#include "test/fakes/fake_system.hpp"
#include "test/fakes/fixtures.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <algorithm>
#include <functional>
#include <set>

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
    std::set<std::string> names;
    for (const auto& [platform, evidence, chosen_by] : detect_platform(system, {}, {}).rules) {
        if (evidence.matched) {
            names.emplace(platform->name());
        }
    }
    return {names.begin(), names.end()};
}

/// A way in which a machine is told what it is.
struct Source {
    const char* name;
    const char* platform;
    const char* path;    ///< of the rule that finds it
    bool is_containers;  ///< a container may have its own
    std::function<void(FakeSystem& fake, AgentConfig& config)> give;
};

void add_to_kernel_line(const FakeSystem& fake, const std::string& words) {
    fake.root.write("/proc/cmdline", words + " " + fake.root.read("/proc/cmdline"));
}

/// The most explicit first, as docs/platforms.md says it.
std::vector<Source> sources() {
    const auto put = [](const char* path, const char* content) {
        return [=](FakeSystem& fake, AgentConfig&) { fake.root.write(path, content); };
    };
    return {
        {"a platform of the kernel command line", "upcloud", "/proc/cmdline", false,
         [](FakeSystem& fake, AgentConfig&) { add_to_kernel_line(fake, "bootwright.platform=upcloud"); }},
        {"a seed of the kernel command line", "nocloud", "/proc/cmdline", false,
         [](FakeSystem& fake, AgentConfig&) { add_to_kernel_line(fake, "ds=nocloud;s=http://10.0.0.1/"); }},
        {"MAAS's URL on the kernel command line", "maas", "/proc/cmdline", false,
         [](FakeSystem& fake, AgentConfig&) {
             add_to_kernel_line(fake, "cloud-config-url=http://10.0.0.1/MAAS/metadata/latest/by-id/x/?op=get_preseed");
         }},
        {"a platform of agent.json", "vultr", "/etc/bootwright/agent.json", true,
         [](FakeSystem&, AgentConfig& config) { config.platform = "vultr"; }},
        {"a credential", "credential", "$CREDENTIALS_DIRECTORY/bootwright.role_config", true,
         put("/run/credentials/bootwright.service/bootwright.role_config", "{}")},
        {"a role file", "file", "/etc/bootwright/role.json", true, put("/etc/bootwright/role.json", "{}")},
        {"a seed folder", "nocloud", "/var/lib/cloud/seed/nocloud", true,
         put("/var/lib/cloud/seed/nocloud/user-data", "{}")},
        {"a seed volume", "nocloud", "/dev/disk/by-label/cidata", false, put("/dev/disk/by-label/cidata", "")},
        {"a seed volume that its boot sector names", "nocloud", "/dev/vdb", false,
         [](FakeSystem& fake, AgentConfig&) {
             fake.root.write("/sys/class/block/vdb/size", "2880\n");
             fake.root.write("/dev/vdb", fat16_boot_sector("cidata     "));
         }},
        {"a vApp's volume", "vmware", R"(/dev/disk/by-label/OVF\x20ENV)", false,
         put(R"(/dev/disk/by-label/OVF\x20ENV)", "")},
        {"what MAAS's installer left", "maas", "/etc/cloud/cloud.cfg.d/90_dpkg_maas.cfg", false,
         put("/etc/cloud/cloud.cfg.d/90_dpkg_maas.cfg",
             "datasource: {MAAS: {metadata_url: 'http://10.0.0.1/MAAS/metadata/'}}")},
        {"a guest's socket", "lxd", "/dev/incus/sock", true, put("/dev/incus/sock", "")},
        {"a seed of the host's template", "nocloud", "/var/lib/cloud/seed/nocloud-net", true,
         put("/var/lib/cloud/seed/nocloud-net/user-data", "{}")},
        {"a guest's port", "lxd", "/sys/class/virtio-ports/vport1p1/name", false,
         put("/sys/class/virtio-ports/vport1p1/name", "org.linuxcontainers.incus\n")},
        {"a cloud's hardware", "hetzner", "/sys/class/dmi/id/sys_vendor", false,
         put("/sys/class/dmi/id/sys_vendor", "Hetzner\n")},
        {"a config drive", "configdrive", "/dev/disk/by-label/config-2", false, put("/dev/disk/by-label/config-2", "")},
        {"OpenNebula's volume", "opennebula", "/dev/disk/by-label/CONTEXT", false,
         put("/dev/disk/by-label/CONTEXT", "")},
        {"OpenStack's hardware", "openstack", "/sys/class/dmi/id/product_name", false,
         put("/sys/class/dmi/id/product_name", "OpenStack Nova\n")},
    };
}

/// "PLATFORM by PATH" of the rule that decides; "" if none does.
std::string decided(const Detection& detection) {
    for (const auto& [platform, evidence, chosen_by] : detection.rules) {
        if (evidence.matched) {
            CHECK(detection.platform == platform);
            return std::string(platform->name()) + " by " + evidence.path;
        }
    }
    CHECK(detection.platform == nullptr);
    return "";
}

std::string expected_of(const Source& source) { return std::string(source.platform) + " by " + source.path; }

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
            CHECK(error_of([&] { return find_platform(system, AgentConfig{}, {}).platform->name(); }).code ==
                  "platform.not_recognised");
        } else {
            CHECK(names_that_match(system) == std::vector{machine.platform});
            CHECK(find_platform(system, AgentConfig{}, {}).platform->name() == machine.platform);
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
    CHECK(std::is_sorted(names.begin(), names.end()));
}

TEST_CASE("docs/platforms.md says of every platform how it is recognised, and what was seen of it") {
    const std::string page = fixture("../../docs/platforms.md");
    const std::size_t seen = page.find("\n## What was seen\n");
    REQUIRE(seen != std::string::npos);
    for (const Platform* platform : platforms()) {
        CAPTURE(platform->name());
        const std::string row = "\n| `" + std::string(platform->name()) + "` | ";
        CHECK(page.find(row) < page.find("\n## How explicit\n"));
        CHECK(page.find(row, seen) < page.find("\n## Reading\n"));
    }
}

TEST_CASE("of two sources the more explicit decides, pair by pair") {
    const auto all = sources();
    for (std::size_t i = 0; i < all.size(); ++i) {
        for (std::size_t j = i; j < all.size(); ++j) {
            CAPTURE(all[i].name, all[j].name);
            FakeSystem fake;
            AgentConfig config;
            all[j].give(fake, config);
            if (j != i) {
                CHECK(decided(detect_platform(fake.system, config, {})) == expected_of(all[j]));
                all[i].give(fake, config);
            }
            CHECK(decided(detect_platform(fake.system, config, {})) == expected_of(all[i]));
            CHECK(fake.http.requests.empty());
        }
    }
}

TEST_CASE("a container believes only what is its own, and asks no cloud") {
    struct Sign {
        const char* path;
        std::string content;
    };
    const Sign sign =
        GENERATE(values<Sign>({{"/run/systemd/container", "lxc\n"},
                               {"/run/host/container-manager", "systemd-nspawn\n"},
                               {"/run/host/container-uuid", "0123\n"},
                               {"/run/host/os-release", "ID=debian\n"},
                               {"/run/.containerenv", ""},
                               {"/.dockerenv", ""},
                               {"/proc/1/environ", std::string("A=b\0container=lxc\0", 18)},
                               {"/proc/1/environ", std::string("KUBERNETES_SERVICE_HOST=10.0.0.1\0", 33)}}));
    for (const Source& source : sources()) {
        CAPTURE(sign.path, source.name);
        FakeSystem fake;
        AgentConfig config;
        source.give(fake, config);
        fake.root.write(sign.path, sign.content);
        const Detection detection = detect_platform(fake.system, config, {});
        CHECK(detection.container.value_or("").find(
                  sign.path == std::string("/proc/1/environ") ? "process 1" : sign.path) != std::string::npos);
        CHECK(decided(detection) == (source.is_containers ? expected_of(source) : ""));
        CHECK(fake.http.requests.empty());
        if (!source.is_containers) {
            const Error error = not_recognised(detection);
            CHECK(error.code == "platform.not_recognised");
            CHECK(error.message.starts_with("this is a container ("));
            CHECK(error.advice.find("/etc/bootwright/role.json") != std::string::npos);
        }
    }
}

TEST_CASE("what is on disk of a container makes no container of the machine that its image became") {
    FakeSystem fake;
    fake.root.copy(fixture_path("hetzner/root"));
    fake.root.write("/.dockerenv", "");
    fake.root.make_folder("/run/systemd/system");
    fake.root.write("/proc/1/environ", std::string("HOME=/\0container=\0TERM=linux\0", 28));
    CHECK(find_platform(fake.system, {}, {}).platform->name() == "hetzner");
}

TEST_CASE("a platform that is named outright says all, and nothing else is asked which instance it is") {
    FakeSystem fake;
    fake.root.copy(fixture_path("hetzner/root"));
    fake.root.write("/etc/bootwright/role.json", "{}");
    CHECK(find_platform(fake.system, {}, {}).instance->name() == "hetzner");
    AgentConfig config;
    config.platform = "file";
    const Detection found = find_platform(fake.system, config, {});
    CHECK(found.instance == found.platform);
    CHECK(read_instance(found, fake.system, config, {}).instance_id == "0123456789abcdef0123456789abcdef");
}

TEST_CASE("what was given on purpose wins over the cloud") {
    FakeSystem fake;
    fake.root.copy(fixture_path("ec2/root-nitro"));
    CHECK(find_platform(fake.system, {}, {}).platform->name() == "ec2");
    fake.root.copy(fixture_path("nocloud/root-seed-folder"));
    CHECK(find_platform(fake.system, {}, {}).platform->name() == "nocloud");
    fake.root.copy(fixture_path("file/root"));
    CHECK(find_platform(fake.system, {}, {}).platform->name() == "file");
    fake.root.copy(fixture_path("credential/root"));
    fake.system.environment["CREDENTIALS_DIRECTORY"] = "/run/credentials/bootwright.service";
    CHECK(find_platform(fake.system, {}, {}).platform->name() == "credential");
}

TEST_CASE("a machine that nobody recognises is told with every rule and what it saw, and may be recognised later") {
    FakeSystem fake;
    fake.root.write("/sys/class/dmi/id/product_uuid", "1234\n");
    const Error error = error_of([&] { return find_platform(fake.system, {}, {}).platform->name(); });
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
    CHECK(find_platform(fake.system, config, {}).platform->name() == "file");
    fake.root.write("/proc/cmdline", "ro bootwright.platform=nocloud quiet\n");
    CHECK(find_platform(fake.system, config, {}).platform->name() == "nocloud");
    fake.root.write("/proc/cmdline", "bootwright.platform=auto\n");
    config.platform = "auto";
    CHECK(find_platform(fake.system, config, {}).platform->name() == "ec2");
}

TEST_CASE("an unknown name is refused for good, with the names to choose from") {
    FakeSystem fake;
    AgentConfig config;
    config.platform = "ec3";
    const Error error = error_of([&] { return find_platform(fake.system, config, {}).platform->name(); });
    CHECK(error.code == "platform.unknown_name");
    CHECK(error.kind == ErrorKind::permanent);
    CHECK(error.message.find("agent.json") != std::string::npos);
    CHECK(error.advice.starts_with("use one of: auto, akamai, alibaba, azure, "));
    fake.root.write("/proc/cmdline", "bootwright.platform=\n");
    CHECK(error_of([&] {
              return find_platform(fake.system, {}, {}).platform->name();
          }).message.find("kernel command line") != std::string::npos);
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
    const Error error = error_of([&] { return find_platform(fake.system, {}, {}).platform->name(); });
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
    for (const auto& [platform, evidence, chosen_by] : detection.rules) {
        CHECK(evidence.seen.find("hunter2") == std::string::npos);
    }
}
