#include "agent/platform/detection.hpp"
#include "common/base/encoding.hpp"
#include "test/fakes/compressed.hpp"
#include "test/fakes/platform_world.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;
using namespace std::chrono_literals;

namespace {

constexpr const char* metadata_key = "info-get guestinfo.metadata";
constexpr const char* user_data_key = "info-get guestinfo.userdata";
constexpr const char* encoding_key = "info-get guestinfo.userdata.encoding";

const FakeProcesses::Script not_set{.result = {.exit_code = 1}, .error_lines = {"No value found"}};

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
