#include "test/fakes/platform_world.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;
using namespace std::chrono_literals;

namespace {

constexpr const char* newest = "GET /metadata/instance?api-version=2021-08-01&extended=true";
constexpr const char* oldest = "GET /metadata/instance?api-version=2019-06-01";

}  // namespace

TEST_CASE("Azure's service is asked with its header") {
    PlatformWorld world("azure/root");
    world.read();
    CHECK(world.header(0, "Metadata") == "true");
}

TEST_CASE("no status of Azure's service proves that there is nothing") {
    for (const int status : {404, 410, 429, 500, 204}) {
        CAPTURE(status);
        PlatformWorld world("azure/root");
        world.fake.http.answer_status(newest, status);
        world.fake.http.answer_status(oldest, status);
        CHECK(world.failure().code == "platform.unexpected_answer");
        CHECK(world.failure().kind == ErrorKind::transient);
    }
}

TEST_CASE("an older Azure is asked for an older version") {
    PlatformWorld world("azure/root");
    world.fake.http.answer_status(newest, 400);
    world.fake.http.answer(oldest, R"({"compute": {"vmId": "1", "location": "westeurope", "name": "web"}})");
    const InstanceMetadata metadata = world.read();
    CHECK(metadata.instance_id == "1");
    CHECK(metadata.user_data == std::nullopt);
}

TEST_CASE("an Azure instance without user-data has an empty string there") {
    PlatformWorld world("azure/root");
    change_answer(world, "azure/root", "/metadata/instance?api-version=2021-08-01&extended=true",
                  [](Json& body) { body["compute"]["userData"] = ""; });
    CHECK(world.read().user_data == std::nullopt);
}

namespace {

constexpr const char* storage_path =
    "GET /metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://storage.azure.com/";
constexpr const char* vault_path =
    "GET /metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://vault.azure.net";

std::optional<CloudIdentity> identity_of(PlatformWorld& world, CloudService asked) {
    return world.platform().identity(world.fake.system, world.config, asked, {});
}

}  // namespace

TEST_CASE("Azure gives a token for each kind of service") {
    PlatformWorld world("azure/root");
    CHECK(identity_of(world, CloudService::object_store).value().bearer_token ==
          "eyJ0eXAiOiJKV1QifQ.EXAMPLE-storage.c2ln");
    CHECK(identity_of(world, CloudService::secret_store).value().bearer_token ==
          "eyJ0eXAiOiJKV1QifQ.EXAMPLE-vault.c2ln");
    CHECK(world.fake.http.asked() == std::vector<std::string>{storage_path, vault_path});
    CHECK(world.header(0, "Metadata") == "true");
}

TEST_CASE("an Azure machine without a managed identity is told how to get one") {
    PlatformWorld world("azure/root");
    world.fake.http.answer(
        vault_path, {HttpResponse{.status = 400,
                                  .body = R"({"error":"invalid_request","error_description":"Identity not found"})"}});
    const Error error = error_of([&] { return identity_of(world, CloudService::secret_store); });
    CHECK(error.code == "platform.no_identity_role");
    CHECK(error.kind == ErrorKind::permanent);
    CHECK(error.advice.find("az vm identity assign") != std::string::npos);
}

TEST_CASE("a token of Azure that cannot be had, or is none, is unknown") {
    for (const HttpResponse& response :
         {HttpResponse{.status = 404}, HttpResponse{.status = 410}, HttpResponse{.status = 429},
          HttpResponse{.status = 500}, HttpResponse{.status = 204}, HttpResponse{.status = 200},
          HttpResponse{.status = 200, .body = "hunter2"}, HttpResponse{.status = 200, .body = "[\"hunter2\"]"},
          HttpResponse{.status = 200, .body = R"({"access_token": "hunter2\u0000"})"}}) {
        CAPTURE(response.status, response.body);
        PlatformWorld world("azure/root");
        world.fake.http.answer(storage_path, {response});
        const Error error = error_of([&] { return identity_of(world, CloudService::object_store); });
        CHECK(error.kind == ErrorKind::transient);
        CHECK(error.message.find("hunter2") == std::string::npos);
    }
}

namespace {

constexpr const char* left = "/var/lib/waagent/ovf-env.xml";
constexpr const char* left_data = "/var/lib/waagent/CustomData";
constexpr const char* medium = "/dev/disk/by-label/rd_rdfe_stable.261103-0912/";

/// As Azure writes it. @param settings "<HostName>web-1</HostName>"
std::string provisioning(const std::string& settings) {
    return "\xEF\xBB\xBF<Environment xmlns=\"http://schemas.dmtf.org/ovf/environment/1\"><wa:ProvisioningSection "
           "xmlns:wa=\"http://schemas.microsoft.com/windowsazure\"><LinuxProvisioningConfigurationSet "
           "xmlns=\"http://schemas.microsoft.com/windowsazure\">" +
           settings + "</LinuxProvisioningConfigurationSet></wa:ProvisioningSection></Environment>";
}

/// @param data in base64
std::string custom_data(const std::string& data) {
    return provisioning("<HostName>web-1</HostName><CustomData>\n" + data + "\n</CustomData>");
}

}  // namespace

TEST_CASE("custom data that the provisioning agent left is user-data where userData is empty, and only there") {
    PlatformWorld world("azure/root-custom-data");
    CHECK(world.read().user_data.value_or("").starts_with(R"({"role": "web")"));
    CHECK(world.read().user_data_origin == "custom data in /var/lib/waagent/ovf-env.xml");
    PlatformWorld both("azure/root");
    both.fake.root.write(left, custom_data("eA=="));
    CHECK(both.read().user_data_origin == "userData");
}

TEST_CASE("custom data is taken from the provisioning medium first, in either of its files") {
    PlatformWorld world("azure/root-custom-data");
    world.fake.root.write(std::string(medium) + "ovf-env.xml", custom_data("bWVkaXVt"));
    CHECK(world.read().user_data == "medium");
    CHECK(world.read().user_data_origin == "custom data of the provisioning medium");
    world.fake.root.write(std::string(medium) + "ovf-env.xml", provisioning("<HostName>web-1</HostName>"));
    world.fake.root.write(std::string(medium) + "CustomData.bin", "binary");
    CHECK(world.read().user_data == "binary");
    world.fake.root.remove(std::string(medium) + "CustomData.bin");
    CHECK(world.read().user_data_origin == "custom data in /var/lib/waagent/ovf-env.xml");
}

TEST_CASE("a provisioning medium that cannot be read proves nothing") {
    PlatformWorld world("azure/root-custom-data");
    for (const char* text : {"", "<Environment>", "<html/>"}) {
        world.fake.root.write(std::string(medium) + "ovf-env.xml", text);
        CHECK(world.failure().code == "platform.bad_document");
        CHECK(world.failure().kind == ErrorKind::transient);
    }
    world.fake.root.remove(std::string(medium) + "ovf-env.xml");
    CHECK(world.failure().kind == ErrorKind::transient);
}

TEST_CASE("Azure's own agent leaves custom data in a file of its own, too, in base64 or not") {
    PlatformWorld world("azure/root-custom-data");
    world.fake.root.write(left, provisioning("<HostName>WEB-1</HostName><CustomData/>"));
    CHECK(world.read().user_data == std::nullopt);
    for (const char* text : {"ZWlnaHQgd29yZHM=", "eight words"}) {
        world.fake.root.write(left_data, text);
        CHECK(world.read().user_data == "eight words");
        CHECK(world.read().user_data_origin == "custom data in /var/lib/waagent/CustomData");
    }
    world.fake.root.remove(left);
    CHECK(world.read().user_data == std::nullopt);  // nothing says whose it is
}

TEST_CASE("custom data that another machine's agent left is not this one's") {
    PlatformWorld world("azure/root-custom-data");
    world.fake.root.write(left_data, "another's");
    for (const char* settings :
         {"<HostName>golden-image</HostName><CustomData>eA==</CustomData>", "<CustomData>eA==</CustomData>"}) {
        world.fake.root.write(left, provisioning(settings));
        CHECK(world.read().user_data == std::nullopt);
    }
    world.fake.root.write(left, custom_data("eA=="));
    change_answer(world, "azure/root-custom-data", "/metadata/instance?api-version=2021-08-01&extended=true",
                  [](Json& body) {
                      body["compute"].erase("osProfile");  // as of a machine made from a disk
                      body["compute"]["name"] = "another";
                  });
    CHECK(world.read().user_data == std::nullopt);
}

TEST_CASE("custom data that others than root could have written is refused, and half a document is unknown") {
    PlatformWorld world("azure/root-custom-data");
    std::filesystem::permissions(world.fake.root.path(left), std::filesystem::perms(0666));
    CHECK(world.failure().code == "platform.bad_document");
    CHECK(world.failure().kind == ErrorKind::permanent);
    world.fake.root.remove(left);
    std::filesystem::create_symlink("/etc/hostname", world.fake.root.path(left));
    CHECK(world.failure().kind == ErrorKind::permanent);
    world.fake.root.remove(left);
    world.fake.root.write(left, provisioning("<HostName>web-1</HostName>"));
    world.fake.root.write(left_data, "x");
    std::filesystem::permissions(world.fake.root.path("/var/lib/waagent"), std::filesystem::perms(0777));
    CHECK(world.failure().kind == ErrorKind::permanent);
    std::filesystem::permissions(world.fake.root.path("/var/lib/waagent"), std::filesystem::perms(0700));
    CHECK(world.read().user_data == "x");
    world.fake.root.write(left, "<Environment>");
    CHECK(world.failure().kind == ErrorKind::transient);
    world.fake.root.write(left, std::string((std::size_t{1} << 20U) + 1, ' '));
    CHECK(world.failure().code == "io.too_large");
}
