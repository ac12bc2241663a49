#include "agent/platform/detection.hpp"
#include "common/base/encoding.hpp"
#include "common/base/text.hpp"
#include "test/fakes/compressed.hpp"
#include "test/fakes/platform_world.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;
using namespace std::chrono_literals;

namespace {

constexpr const char* metadata_key = "info-get guestinfo.metadata";
constexpr const char* user_data_key = "info-get guestinfo.userdata";
constexpr const char* encoding_key = "info-get guestinfo.userdata.encoding";
constexpr const char* ovf_key = "info-get guestinfo.ovfEnv";
constexpr const char* volume_file = R"(/dev/disk/by-label/OVF\x20ENV/ovf-env.xml)";

const FakeProcesses::Script not_set{.result = {.exit_code = 1}, .error_lines = {"No value found"}};

const FakeProcesses::Script permission_denied{.result = {.exit_code = 255}, .error_lines = {"Permission denied"}};

/// An OVF environment with these properties: "<Property key='hostname' value='web-1'/>".
FakeProcesses::Script ovf(const std::string& properties) {
    return {.lines = {"<Environment><PropertySection>" + properties + "</PropertySection></Environment>"}};
}

/// A machine that has been told nothing but an OVF environment.
void forget_guestinfo(PlatformWorld& world) {
    world.fake.processes.answer(metadata_key, not_set);
    world.fake.processes.answer(user_data_key, not_set);
}

}  // namespace

TEST_CASE("a VMware machine without its tools is not recognised, and says why") {
    FakeSystem fake;
    fake.root.copy(fixture_path("vmware/root"));
    fake.root.remove("/usr/bin/vmware-rpctool");
    const Detection detection = detect_platform(fake.system, {}, {});
    CHECK(detection.platform == nullptr);
    fake.root.write("/usr/bin/vmtoolsd", "");
    CHECK(find_platform(fake.system, {}, {}).platform->name() == "vmware");
}

TEST_CASE("a variable that is not set is absent, and any other failure of the tool is not") {
    PlatformWorld world("vmware/root");
    world.fake.processes.answer(user_data_key, not_set);
    CHECK(world.read().user_data == std::nullopt);
    for (const FakeProcesses::Script& failure :
         {FakeProcesses::Script{.result = {.exit_code = 1}, .error_lines = {"Permission denied"}},
          FakeProcesses::Script{.result = {.end = ProcessResult::End::timed_out}},
          FakeProcesses::Script{.result = {.end = ProcessResult::End::killed_by_signal, .signal = 11}},
          FakeProcesses::Script{.result = {.exit_code = 127}}}) {
        world.fake.processes.answer(user_data_key, failure);
        CHECK(world.failure().kind == ErrorKind::transient);
    }
}

TEST_CASE("guestinfo is read in each of its encodings, and what is not in the one that it names is refused") {
    PlatformWorld world("vmware/root");
    const auto with = [&](const char* encoding, const std::string& value) {
        world.fake.processes.answer(user_data_key, {.lines = {value}});
        world.fake.processes.answer(encoding_key, {.lines = {encoding}});
    };
    world.fake.processes.answer(encoding_key, not_set);
    world.fake.processes.answer(user_data_key, {.lines = {"{", "}"}});
    CHECK(world.read().user_data == "{\n}\n");
    for (const char* encoding : {"base64", "b64"}) {
        with(encoding, "e30=");
        CHECK(world.read().user_data == "{}");
    }
    for (const char* encoding : {"gzip+base64", "gz+b64"}) {
        with(encoding, encode_base64(to_gzip("{}")));
        CHECK(world.read().user_data == "{}");
    }
    for (const auto& [encoding, value] :
         {std::pair("base64", "%"), std::pair("gzip+base64", "e30="), std::pair("rot13", "x")}) {
        with(encoding, value);
        CHECK(world.failure().code == "platform.bad_document");
        CHECK(world.failure().kind == ErrorKind::permanent);
    }
}

TEST_CASE("a line that the process port may have cut is refused, and more user-data than anybody serves") {
    PlatformWorld world("vmware/root");
    world.fake.processes.answer(encoding_key, not_set);
    const std::string longest(65534, 'x');
    world.fake.processes.answer(user_data_key, {.lines = {longest}});
    CHECK(world.read().user_data == longest + "\n");
    world.fake.processes.answer(user_data_key, {.lines = {longest + "x"}});
    CHECK(world.failure().code == "http.too_large");
    CHECK(world.failure().kind == ErrorKind::permanent);
    // Each line is counted with its end.
    world.fake.processes.answer(user_data_key, {.lines = std::vector<std::string>(16, longest)});
    CHECK(world.read().user_data->size() == 16 * 65535);
    world.fake.processes.answer(user_data_key, {.lines = std::vector<std::string>(17, longest)});
    CHECK(world.failure().code == "http.too_large");
}

TEST_CASE("what the tool complains of is in the error, and the words of a value are no complaint") {
    PlatformWorld world("vmware/root");
    world.fake.processes.answer(user_data_key, {.result = {.exit_code = 1}, .error_lines = {"Permission denied"}});
    CHECK(world.failure().message.find("Permission denied") != std::string::npos);
    world.fake.processes.answer(encoding_key, not_set);
    world.fake.processes.answer(user_data_key, {.lines = {"# No value found"}});
    CHECK(world.read().user_data == "# No value found\n");
}

TEST_CASE("a stop while the tool is asked is a stop, and metadata that is no mapping is refused") {
    PlatformWorld world("vmware/root");
    world.fake.processes.answer(user_data_key, {.result = {.end = ProcessResult::End::stopped}});
    CHECK(world.failure().kind == ErrorKind::stopped);
    world.fake.processes.answer(metadata_key, {.lines = {"- a list"}});
    world.fake.processes.answer("info-get guestinfo.metadata.encoding", not_set);
    CHECK(world.failure().code == "platform.bad_document");
    CHECK(world.failure().kind == ErrorKind::permanent);
}

TEST_CASE("without an instance-id the firmware's name of the machine counts, and without metadata too") {
    PlatformWorld world("vmware/root");
    world.fake.processes.answer(metadata_key, not_set);
    CHECK(world.read().instance_id == "4c4c4544-0042-3510-8054-b4c04f4d3132");
    world.fake.root.remove("/sys/class/dmi/id/product_uuid");
    CHECK(world.failure().code == "platform.no_identity");
}

TEST_CASE("where secure RPC is on vmtoolsd is asked, once for each question, and each word that was refused is told") {
    PlatformWorld world("vmware/root");
    world.fake.root.write("/usr/bin/vmtoolsd", "");
    world.fake.processes.answer(metadata_key, permission_denied);
    // metadata, its encoding, userdata, ovfEnv; user-data without an encoding is plain
    world.fake.processes.answer("--cmd",
                                {{.lines = {"instance-id: vm-7"}}, not_set, {.lines = {"{}"}}, not_set, not_set});
    const InstanceMetadata metadata = world.read();
    CHECK(metadata.instance_id == "vm-7");
    CHECK(metadata.user_data == "{}\n");
    CHECK(world.fake.processes.started(metadata_key).size() == 1);
    CHECK(world.fake.processes.started(user_data_key).empty());  // it would refuse that, too
    const auto asked = world.fake.processes.started("--cmd");
    REQUIRE(asked.size() == 5);
    CHECK(asked[2].arguments ==
          std::vector<std::string>{world.fake.root.path("/usr/bin/vmtoolsd"), "--cmd", user_data_key});

    world.fake.processes.answer("--cmd", {.result = {.exit_code = 1}, .error_lines = {"RPC channel failed"}});
    const Error error = world.failure();
    CHECK(error.code == "platform.unexpected_answer");
    CHECK(error.kind == ErrorKind::transient);
    CHECK(error.message.find("/usr/bin/vmware-rpctool: Permission denied; /usr/bin/vmtoolsd: RPC channel failed") !=
          std::string::npos);
}

TEST_CASE("a program of the tools that is missing, silent or broken is named, and the other one asked") {
    PlatformWorld world("vmware/root");
    world.fake.processes.answer(metadata_key, permission_denied);
    CHECK(world.failure().message.find(
              "/usr/bin/vmware-rpctool: Permission denied; /usr/bin/vmtoolsd: not installed") != std::string::npos);
    world.fake.root.write("/usr/bin/vmtoolsd", "");
    world.fake.processes.answer("--cmd", not_set);
    for (const FakeProcesses::Script& failure :
         {FakeProcesses::Script{.result = {.end = ProcessResult::End::timed_out}},
          FakeProcesses::Script{.result = {.end = ProcessResult::End::killed_by_signal, .signal = 11}},
          FakeProcesses::Script{.cannot_start = transient_error("process.cannot_start", "no such program", "")}}) {
        world.fake.processes.answer(metadata_key, failure);
        CHECK(world.read().user_data == std::nullopt);
    }
    world.fake.processes.answer("--cmd", {.result = {.end = ProcessResult::End::timed_out}});
    world.config.metadata_timeout = 7s;
    CHECK(world.failure().message.find("/usr/bin/vmtoolsd: no answer within 7") != std::string::npos);
    world.fake.processes.answer(metadata_key, {.result = {.end = ProcessResult::End::stopped}});
    CHECK(world.failure().kind == ErrorKind::stopped);
}

TEST_CASE("a variable that was cleared is absent, and what only begins like one is there") {
    PlatformWorld world("vmware/root");
    world.fake.processes.answer(ovf_key, not_set);
    world.fake.processes.answer(encoding_key, {.lines = {""}});
    world.fake.processes.answer(user_data_key, {.lines = {"---"}});
    CHECK(world.read().user_data == std::nullopt);
    world.fake.processes.answer(metadata_key, {.lines = {"---"}});
    CHECK(world.read().instance_id == "4c4c4544-0042-3510-8054-b4c04f4d3132");
    world.fake.processes.answer(user_data_key, {.lines = {"---", "role: web"}});
    CHECK(world.read().user_data == "---\nrole: web\n");
}

TEST_CASE("the properties of a vApp are read where guestinfo says nothing, and never those of its siblings") {
    PlatformWorld world("vmware/root");
    forget_guestinfo(world);
    world.fake.processes.answer(ovf_key,
                                {.lines = split(fixture(std::string("vmware/root-ovf-volume") + volume_file), '\n')});
    const InstanceMetadata metadata = world.read();
    CHECK(metadata.instance_id == "vapp-web-2");
    CHECK(metadata.hostname == "web-2");
    CHECK(metadata.tags == std::map<std::string, std::string>{{"bootwright.role", "web"}});
    CHECK(metadata.user_data.value_or("").starts_with(R"({"role": "web")"));
    CHECK(metadata.user_data_origin == "vApp property user-data");
}

TEST_CASE("guestinfo wins over the properties of a vApp, and over both a role config that is named as one") {
    PlatformWorld world("vmware/root");
    const std::string given =
        "<Property key='user-data' value='{}'/><Property key='instance-id' value='vapp'/>"
        "<Property key='hostname' value='vapp'/>";
    world.fake.processes.answer(ovf_key, ovf(given));
    CHECK(world.read().instance_id == "vm-web-1");
    CHECK(world.read().hostname == "web-1");
    CHECK(world.read().user_data_origin == "guestinfo.userdata");
    for (const char* value : {"{&quot;role&quot;: &quot;db&quot;}", "eyJyb2xlIjogImRiIn0="}) {
        world.fake.processes.answer(ovf_key,
                                    ovf(given + "<Property key='bootwright.role_config' value='" + value + "'/>"));
        CHECK(world.read().user_data == R"({"role": "db"})");
        CHECK(world.read().user_data_origin == "vApp property bootwright.role_config");
        CHECK(world.read().tags.empty());
    }
}

TEST_CASE("the id that templates set for all their clones is nobody's") {
    PlatformWorld world("vmware/root");
    forget_guestinfo(world);
    world.fake.processes.answer(ovf_key, ovf("<Property key='instance-id' value='id-ovf'/>"));
    CHECK(world.read().instance_id == "4c4c4544-0042-3510-8054-b4c04f4d3132");
}

TEST_CASE("an OVF environment that cannot be read is no proof that there is none") {
    PlatformWorld world("vmware/root");
    world.fake.processes.answer(ovf_key, permission_denied);
    CHECK(world.failure().code == "platform.unexpected_answer");
    for (const char* text : {"<Environment>", "<html/>", "", "{}",
                             "<!DOCTYPE Environment [<!ENTITY a 'b'>]><Environment>&a;</Environment>"}) {
        CAPTURE(text);
        world.fake.processes.answer(ovf_key, {.lines = {text}});
        CHECK(world.failure().code == "platform.bad_document");
        CHECK(world.failure().kind == ErrorKind::permanent);
    }
}

TEST_CASE("a volume with an OVF environment is enough, on any hypervisor, whether or not the tools are installed") {
    for (const bool has_tools : {false, true}) {
        for (const char* product : {"VirtualBox", "VMware Virtual Platform"}) {
            PlatformWorld world("vmware/root");
            forget_guestinfo(world);
            world.fake.processes.answer(ovf_key, not_set);
            world.fake.root.copy(fixture_path("vmware/root-ovf-volume"));
            world.fake.root.write("/sys/class/dmi/id/product_name", product);
            if (!has_tools) {
                world.fake.root.remove("/usr/bin/vmware-rpctool");
            }
            CHECK(find_platform(world.fake.system, {}, {}).platform->name() == "vmware");
            CHECK(world.read().instance_id == "vapp-web-2");
            CHECK(world.fake.processes.requests.empty() == (!has_tools || product == std::string("VirtualBox")));
        }
    }
}

TEST_CASE("a volume for an OVF environment that holds none may be being written") {
    PlatformWorld world("vmware/root-ovf-volume");
    for (const char* text : {"", "<Environment>", "<html/>"}) {
        world.fake.root.write(volume_file, text);
        CHECK(world.failure().code == "platform.bad_document");
        CHECK(world.failure().kind == ErrorKind::transient);
    }
    world.fake.root.remove(volume_file);
    CHECK(world.failure().code == "platform.bad_document");
}
