#include "agent/commands/support/redaction.hpp"
#include "agent/platform/context_variables.hpp"
#include "agent/platform/detection.hpp"
#include "test/fakes/errors.hpp"
#include "test/fakes/fake_system.hpp"
#include "test/fakes/fixtures.hpp"

#include <catch2/catch_test_macros.hpp>

#include <filesystem>

using namespace bootwright;

namespace {

constexpr const char* context = "/dev/disk/by-label/CONTEXT/context.sh";
constexpr const char* uuid = "5d0c1a52-6b7e-4f0a-9a51-2f6c3b1d9e04";

struct World {
    World() { fake.root.copy(fixture_path("opennebula/root")); }
    InstanceMetadata read() { return read_instance(find_platform(fake.system, {}, {}), fake.system, {}, {}); }
    InstanceMetadata read(const std::string& text) {
        fake.root.write(context, text);
        return read();
    }
    Error failure(const std::string& text) {
        return error_of([&] { return read(text); });
    }
    FakeSystem fake{};
};

}  // namespace

TEST_CASE("user-data of OpenNebula is there under each of its names, absent, or not to be read, which is no absence") {
    World world;
    CHECK(world.read("A='1'\n").user_data == std::nullopt);
    CHECK(world.read("USERDATA_ENCODING='base64'\n").user_data == std::nullopt);
    CHECK(world.read("USER_DATA=''\n").user_data == "");
    CHECK(world.read("USER_DATA='{}'\nUSERDATA='[]'\n").user_data == "{}");
    CHECK(world.read("USER_DATA='{}'\n").user_data_origin == "USER_DATA of context.sh");
    CHECK(world.read("USERDATA='{}'\n").user_data_origin == "USERDATA of context.sh");
    for (const char* encoding : {"USERDATA_ENCODING", "USER_DATA_ENCODING"}) {
        CHECK(world.read("USER_DATA='e30='\n" + std::string(encoding) + "='base64'\n").user_data == "{}");
        CHECK(world.read("USER_DATA='e30='\n" + std::string(encoding) + "=''\n").user_data == "e30=");
        for (const char* damaged : {"='base64'\nUSER_DATA='hunter2%'\n", "='rot13'\nUSER_DATA='hunter2'\n"}) {
            const Error error = world.failure(encoding + std::string(damaged));
            CHECK(error.code == "platform.bad_document");
            CHECK(error.kind == ErrorKind::permanent);
            CHECK(error.message.find("hunter2") == std::string::npos);
        }
    }
}

TEST_CASE("a volume that looks empty says nothing, and neither does one that is cut off") {
    World world;
    for (const char* text : {"", "\n \n"}) {
        CHECK(world.failure(text).code == "platform.seed_missing");
        CHECK(world.failure(text).kind == ErrorKind::transient);
    }
    CHECK(world.failure("VMID='42'\nUSER_DATA='{\"role\"").code == "platform.bad_document");
    CHECK(world.failure("VMID='42'\nUSER_DATA='{\"role\"").kind == ErrorKind::transient);
    world.fake.root.remove(context);
    CHECK(error_of([&] { return world.read(); }).code == "platform.seed_missing");
    std::filesystem::remove_all(world.fake.root.path("/dev/disk/by-label/CONTEXT"));
    AgentConfig config;
    config.platform = "opennebula";
    CHECK(error_of([&] {
              return read_instance(find_platform(world.fake.system, config, {}), world.fake.system, config, {});
          }).code == "platform.seed_missing");
}

TEST_CASE("a context.sh that is larger than anybody's is not read") {
    World world;
    CHECK(world.read("USER_DATA='" + std::string(2'000'000, 'x') + "'\n").user_data->size() == 2'000'000);
    CHECK(world.failure("USER_DATA='" + std::string(2'100'000, 'x') + "'\n").code == "io.too_large");
}

TEST_CASE("without the number of the virtual machine its firmware's UUID counts, and then the machine-id") {
    World world;
    CHECK(world.read("VMID='7'\n").instance_id == "7");
    CHECK(world.read("VMID=''\n").instance_id == uuid);
    CHECK(world.failure("VMID='7\n8'\n").code == "platform.bad_document");
    CHECK(world.read("A='1'\n").instance_id == uuid);
    world.fake.root.remove("/sys/class/dmi/id/product_uuid");
    CHECK(world.read("A='1'\n").instance_id == "0123456789abcdef0123456789abcdef");
}

TEST_CASE("host name, addresses and what is meant for bootwright are the operator's variables") {
    World world;
    const InstanceMetadata metadata = world.read(
        "HOSTNAME='a'\nETH0_IP='10.0.0.1'\nETH0_IP6=''\nETH_IP='10.9.9.1'\nETHX_IP='10.9.9.2'\nPCI1_IP='10.0.0.2'\n"
        "ETH0_EXTERNAL_IP='10.9.9.3'\nMY_IP='10.9.9.4'\nETH0_VROUTER_IP='10.9.9.5'\nBOOTWRIGHT_ROLE='db'\nBOOTWRIGHTX='"
        "1'\n");
    CHECK(metadata.hostname == "a");
    CHECK(world.read("HOSTNAME='a'\nSET_HOSTNAME='b'\n").hostname == "b");
    CHECK(metadata.addresses == std::vector<std::string>{"10.0.0.1", "10.0.0.2"});
    CHECK(metadata.tags == std::map<std::string, std::string>{{"bootwright_role", "db"}});
    CHECK(bootwright_key("bootwright_role") == "role");
    CHECK_FALSE(metadata.user_data_is_roots);
}

TEST_CASE("of a captured context.sh only what is known to be harmless stays") {
    const auto captured =
        parse_context_variables(redacted_context("PASSWORD='hunter2'\nSTART_SCRIPT='hunter2'\nMY_OWN='hunter2'"
                                                 "\nBOOTWRIGHT_API_TOKEN='hunter2'\nVMID='7'\n"
                                                 "BOOTWRIGHT_URL='https://u:hunter2@h/"
                                                 "x'\nETH0_IP='10.0.0.1'\nUSERDATA_ENCODING='base64'\n"
                                                 "USERDATA='eyJyb2xlIjogIndlYiIsICJkYXRhIjogeyJhIjogImh1bnRlcjIifX0='"
                                                 "\n"));  // {"role": "web", "data": {"a": "hunter2"}}
    std::string all;
    for (const auto& [name, value] : captured) {
        all += value + "\n";
    }
    CHECK(all.find("hunter2") == std::string::npos);
    CHECK(captured.at("VMID") == "7");
    CHECK(captured.at("ETH0_IP") == "10.0.0.1");
    CHECK(captured.at("BOOTWRIGHT_URL") == "https://h/x");
    CHECK(captured.at("USERDATA").find("\"role\"") != std::string::npos);
    CHECK(captured.at("USERDATA_ENCODING").empty());
    CHECK(redacted_context("A=$(hunter2)").find("hunter2") == std::string::npos);
}
