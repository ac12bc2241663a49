#include "agent/platform/platform.hpp"

#include "agent/platform/detection.hpp"
#include "test/fakes/boot_sectors.hpp"
#include "test/fakes/errors.hpp"
#include "test/fakes/fake_system.hpp"
#include "test/fakes/fixtures.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <sys/stat.h>

using namespace bootwright;

namespace {

constexpr const char* seed = "/var/lib/cloud/seed/nocloud";

struct World {
    FakeSystem fake{};
    AgentConfig config{};
    World() { config.platform = "nocloud"; }
    InstanceMetadata read() { return read_instance(find_platform(fake.system, config, {}), fake.system, config, {}); }
    Error failure() {
        return error_of([&] { return read(); });
    }
    void write_seed(const std::string& meta_data, const std::string& user_data = "{}") const {
        fake.root.write(std::string(seed) + "/meta-data", meta_data);
        fake.root.write(std::string(seed) + "/user-data", user_data);
    }
};

}  // namespace

TEST_CASE("a seed folder tells id, name and user-data") {
    World world;
    world.fake.root.copy(fixture_path("nocloud/root-seed-folder"));
    const InstanceMetadata metadata = world.read();
    CHECK(metadata.platform == "nocloud");
    CHECK(metadata.instance_id == "seed-1");
    CHECK(metadata.hostname == "web-1");
    CHECK(metadata.user_data == "{\"role\": \"web\"}\n");
    CHECK(metadata.user_data_origin.ends_with(std::string(seed) + "/user-data"));
    CHECK(metadata.user_data_is_roots);
    chmod(world.fake.root.path("/var/lib/cloud/seed").c_str(), 0777);
    CHECK_FALSE(world.read().user_data_is_roots);
}

TEST_CASE("a seed with one file only is a seed") {
    World world;
    world.fake.root.write(std::string(seed) + "/user-data", "{}");
    CHECK(world.read().instance_id == "0123456789abcdef0123456789abcdef");  // the machine-id
    world.fake.root.remove(std::string(seed) + "/user-data");
    world.fake.root.write(std::string(seed) + "/meta-data", "instance-id: only\n");
    CHECK(world.read().instance_id == "only");
    CHECK(world.read().user_data == std::nullopt);
}

TEST_CASE("the instance id is taken as it is written, whatever it looks like") {
    struct Row {
        const char* written;
        const char* wanted;
    };
    const Row row = GENERATE(values<Row>({
        {"web-1", "web-1"},
        {"'007'", "007"},
        {"12345", "12345"},
        {"true", "true"},
        {"i-0123", "i-0123"},
        {"1.2.3", "1.2.3"},
    }));
    CAPTURE(row.written);
    World world;
    world.write_seed(std::string("instance-id: ") + row.written + "\n");
    CHECK(world.read().instance_id == row.wanted);
}

TEST_CASE("an instance id that looks like a number keeps every digit") {
    for (const char* written : {"007", "0123456789", "1e10", "12345678901234567890", "1.50", "9e9999", "-0"}) {
        CAPTURE(written);
        World world;
        world.write_seed(std::string("instance-id: ") + written + "\n");
        CHECK(world.read().instance_id == written);
    }
}

TEST_CASE("an instance id without a value is none") {
    for (const char* written : {"", "~", "null", "''"}) {
        CAPTURE(written);
        World world;
        world.write_seed(std::string("instance-id: ") + written + "\nlocal-hostname: " + written + "\n");
        CHECK(world.read().instance_id == "0123456789abcdef0123456789abcdef");
        CHECK(world.read().hostname.empty());
    }
}

TEST_CASE("meta-data may be JSON, which is YAML too, or empty") {
    World world;
    world.write_seed(R"({"instance-id": "j-1", "local-hostname": "h"})");
    CHECK(world.read().instance_id == "j-1");
    world.write_seed("");
    CHECK(world.read().instance_id == "0123456789abcdef0123456789abcdef");
    world.write_seed("  \n");
    CHECK(world.read().instance_id == "0123456789abcdef0123456789abcdef");
}

TEST_CASE("meta-data of comments only says nothing") {
    World world;
    world.write_seed("# to be filled in\n");
    CHECK(world.read().instance_id == "0123456789abcdef0123456789abcdef");
}

TEST_CASE("meta-data that is no mapping is an error that names the file") {
    const std::string text =
        GENERATE(values<std::string>({"- a\n", "just words", "a: [", std::string("\0\x01", 2), "7"}));
    CAPTURE(text);
    World world;
    world.write_seed(text);
    const Error error = world.failure();
    CHECK(error.code == "platform.bad_document");
    CHECK(error.kind == ErrorKind::permanent);
    CHECK(error.message.find("meta-data") != std::string::npos);
}

TEST_CASE("user-data beyond a megabyte is refused") {
    World world;
    world.write_seed("instance-id: x\n", std::string(1100000, 'x'));
    CHECK(world.failure().code == "io.too_large");
}

TEST_CASE("the kernel command line names a server, an id and a host name") {
    World world;
    world.fake.root.copy(fixture_path("nocloud/root-kernel-command-line"));
    world.fake.http.answer("GET /meta-data", "instance-id: from-server\nlocal-hostname: from-server\n");
    world.fake.http.answer("GET /user-data", "{}");
    world.config.metadata_timeout = std::chrono::milliseconds(500);
    const InstanceMetadata metadata = world.read();
    CHECK(world.fake.http.requests.at(0).timeout == world.config.metadata_timeout);
    CHECK(metadata.instance_id == "web-1");  // what the command line says wins
    CHECK(metadata.hostname == "web-1");
    CHECK(metadata.user_data == "{}");
    CHECK(world.fake.http.requests.at(0).url == "http://10.0.0.1:8000/meta-data");
}

TEST_CASE("user-data of a server is known by the URL that it came from") {
    World world;
    world.fake.root.write("/proc/cmdline", "ds=nocloud;s=http://10.0.0.1:8000/\n");
    world.fake.http.answer("GET /meta-data", "");
    world.fake.http.answer("GET /user-data", "{}");
    const InstanceMetadata metadata = world.read();
    CHECK(metadata.user_data_origin == world.fake.http.requests.back().url);
}

TEST_CASE("a server's URL may lack its last slash, and may be named in full words") {
    World world;
    world.fake.root.write("/proc/cmdline",
                          "ds=nocloud-net;seedfrom=http://10.0.0.1/seed;instance-id=i;local-hostname=h\n");
    world.fake.http.answer_status("GET /seed/meta-data", 404);
    world.fake.http.answer("GET /seed/user-data", "{}");
    const InstanceMetadata metadata = world.read();
    CHECK(metadata.instance_id == "i");
    CHECK(metadata.hostname == "h");
    CHECK(metadata.user_data == "{}");
    CHECK(metadata.user_data_origin == "http://10.0.0.1/seed/user-data");
    CHECK_FALSE(metadata.user_data_is_roots);
}

TEST_CASE("the serial number of the product names a server too") {
    World world;
    world.fake.root.copy(fixture_path("nocloud/root-serial"));
    world.fake.http.answer("GET /seed/meta-data", "instance-id: from-server\n");
    world.fake.http.answer("GET /seed/user-data", "{}");
    CHECK(world.read().instance_id == "from-server");
    // The kernel command line wins.
    world.fake.root.write("/proc/cmdline", "ds=nocloud;s=http://10.0.0.1/other/\n");
    world.fake.http.answer("GET /other/meta-data", "instance-id: other\n");
    world.fake.http.answer("GET /other/user-data", "{}");
    CHECK(world.read().instance_id == "other");
}

TEST_CASE("a server that answers that there is nothing proves it, and every other answer proves nothing") {
    World world;
    world.fake.root.write("/proc/cmdline", "ds=nocloud;s=http://10.0.0.1/\n");
    world.fake.http.answer("GET /meta-data", "instance-id: web-1");
    world.fake.http.answer_status("GET /user-data", 404);
    CHECK(world.read().user_data == std::nullopt);
    for (const char* path : {"GET /meta-data", "GET /user-data"}) {
        world.fake.http.answer_status(path, 500);
        CHECK(world.failure().code == "platform.unexpected_answer");
        world.fake.http.answer(path, {transient_error("http.timeout", "silence", "wait")});
        CHECK(world.failure().code == "http.timeout");
        world.fake.http.answer_status(path, 404);
        world.fake.http.answer("GET /meta-data", "instance-id: web-1");
    }
}

TEST_CASE("a place without a file of a seed is no seed, and never a machine without user-data") {
    World world;
    const auto check_missing = [&](const std::string& place) {
        world.fake.root.write("/proc/cmdline", "ds=nocloud;i=web-1;s=" + place + "\n");
        const Error error = world.failure();
        CHECK(error.code == "platform.seed_missing");
        CHECK(error.kind == ErrorKind::transient);
        CHECK(error.message.find("user-data") != std::string::npos);
    };
    world.fake.http.answer_status("GET /wrong/meta-data", 404);
    world.fake.http.answer_status("GET /wrong/user-data", 404);
    check_missing("http://10.0.0.1/wrong/");
    check_missing("/srv/wrong");
    check_missing("file:///srv/wrong");
    world.fake.root.make_folder("/srv/wrong");
    check_missing("/srv/wrong");
    world.fake.root.make_folder("/dev/disk/by-label/cidata");
    world.fake.root.write("/proc/cmdline", "ro\n");
    CHECK(world.failure().code == "platform.seed_missing");
}

TEST_CASE("the URL of a seed may hold values of the firmware, the place of the file's name, and a query") {
    struct Row {
        const char* url;
        const char* asked;
    };
    const Row row = GENERATE(values<Row>({
        {"http://10.0.0.1/__dmi.chassis-serial-number__/", "/SN%20%2F7/user-data"},
        {"http://10.0.0.1/__dmi.system-uuid__", "/1b2c3d4e/user-data"},
        {"http://10.0.0.1/__dmi.system-uuid__/__dmi.chassis-serial-number__", "/1b2c3d4e/SN%20%2F7/user-data"},
        {"http://10.0.0.1/hosts/%s/web-1", "/hosts/user-data/web-1"},
        {"http://10.0.0.1/seed?file=", "/seed?file=user-data"},
        {"http://10.0.0.1/seed?id=__dmi.system-uuid__&file=%s", "/seed?id=1b2c3d4e&file=user-data"},
    }));
    CAPTURE(row.url);
    World world;
    world.fake.root.write("/sys/class/dmi/id/chassis_serial", "SN /7\n");
    world.fake.root.write("/sys/class/dmi/id/product_uuid", "1b2c3d4e\n");
    world.fake.root.write("/proc/cmdline", "ds=nocloud;s=" + std::string(row.url) + "\n");
    std::string meta_data = row.asked;
    meta_data.replace(meta_data.find("user-data"), 9, "meta-data");
    world.fake.http.answer("GET " + meta_data, "instance-id: web-1");
    world.fake.http.answer("GET " + std::string(row.asked), "{}");
    CHECK(world.read().user_data == "{}");
    CHECK(world.read().instance_id == "web-1");
}

TEST_CASE("a URL that asks for what the firmware does not say is refused: half of it would be another machine's") {
    for (const char* url : {"http://h/__dmi.chassis-serial-number__/", "http://h/__dmi.no-such-field__/",
                            "http://h/__dmi.system-uuid", "http://h/__dmi.__/"}) {
        CAPTURE(url);
        World world;
        world.fake.root.write("/proc/cmdline", "ds=nocloud;s=" + std::string(url) + "\n");
        CHECK(world.failure().code == "http.bad_url");
        CHECK(world.fake.http.requests.empty());
    }
}

TEST_CASE("a server's URL that holds credentials, or is none, is refused and not shown") {
    for (const char* url : {"http://user:hunter2@10.0.0.1/", "http://hunter2@10.0.0.1/", "http://u:hunt/er2@10.0.0.1/",
                            "https://10.0.0.1/hunter2", "gopher://hunter2"}) {
        CAPTURE(url);
        World world;
        world.fake.root.write("/proc/cmdline", "ds=nocloud;s=" + std::string(url) + "\n");
        const Error error = world.failure();
        CHECK(error.code == "http.bad_url");
        CHECK(error.kind == ErrorKind::permanent);
        CHECK((error.message + error.advice).find("er2") == std::string::npos);
        CHECK(world.fake.http.requests.empty());
    }
}

TEST_CASE("a seed may lie in a folder that the command line names") {
    const char* url = GENERATE("file:///srv/seed/", "file:///srv/seed", "/srv/seed/");
    CAPTURE(url);
    World world;
    world.fake.root.write("/srv/seed/meta-data", "instance-id: folder\n");
    world.fake.root.write("/srv/seed/user-data", "{}");
    world.fake.root.write("/proc/cmdline", "ds=nocloud;s=" + std::string(url) + "\n");
    CHECK(world.read().instance_id == "folder");
    CHECK(world.fake.http.requests.empty());
}

TEST_CASE("of several seeds the most explicit is read: kernel command line, folder, serial number, volume, template") {
    World world;
    const auto id = [&] { return world.read().instance_id; };
    world.fake.root.write("/var/lib/cloud/seed/nocloud-net/meta-data", "instance-id: template\n");
    CHECK(id() == "template");
    world.fake.root.write("/dev/disk/by-label/cidata/meta-data", "instance-id: volume\n");
    CHECK(id() == "volume");
    world.fake.root.write("/sys/class/dmi/id/product_serial", "ds=nocloud;s=/srv/serial\n");
    world.fake.root.write("/srv/serial/meta-data", "instance-id: serial\n");
    CHECK(id() == "serial");
    world.write_seed("instance-id: folder\n");
    CHECK(id() == "folder");
    world.fake.root.write("/srv/kernel/meta-data", "instance-id: kernel\n");
    world.fake.root.write("/proc/cmdline", "ds=nocloud;s=/srv/kernel\n");
    CHECK(id() == "kernel");
    world.fake.root.write("/proc/cmdline", "ds=nocloud;h=given\n");  // names no place
    CHECK(id() == "folder");
    CHECK(world.read().hostname == "given");
}

TEST_CASE("in a container only the folders are its own") {
    World world;
    world.fake.root.write("/run/systemd/container", "lxc\n");
    world.fake.root.write("/dev/disk/by-label/cidata/meta-data", "instance-id: volume\n");
    world.fake.root.write("/sys/class/dmi/id/product_serial", "ds=nocloud;s=/srv/host;i=serial\n");
    world.fake.root.write("/srv/host/meta-data", "instance-id: host\n");
    world.fake.root.write("/proc/cmdline", "ds=nocloud;s=/srv/host;i=kernel\n");
    CHECK(world.failure().code == "platform.seed_missing");
    world.write_seed("instance-id: own\n");
    CHECK(world.read().instance_id == "own");
}

TEST_CASE("another datasource on the command line is not ours") {
    FakeSystem fake;
    for (const char* line : {"ds=openstack", "ds=nocloudy", "ds=", "ds=None;s=http://h/"}) {
        CAPTURE(line);
        fake.root.write("/proc/cmdline", line);
        CHECK(error_of([&] { return find_platform(fake.system, {}, {}).platform->name(); }).code ==
              "platform.not_recognised");
    }
}

TEST_CASE("a seed that is not there yet may come: the volume appears late") {
    World world;
    CHECK(world.failure().code == "platform.seed_missing");
    CHECK(world.failure().kind == ErrorKind::transient);
    world.fake.root.write("/proc/cmdline", "ds=nocloud;i=web-1\n");
    CHECK(world.failure().code == "platform.seed_missing");
    world.fake.root.write("/dev/disk/by-label/cidata", "");  // no file system on it
    CHECK(world.failure().code == "volume.unreadable");
    CHECK(world.failure().kind == ErrorKind::transient);
}

TEST_CASE("a seed tells the instance's type, as KubeVirt's does") {
    World world;
    world.write_seed("instance-id: web-1\ninstance-type: u1.medium\n");
    CHECK(world.read().instance_type == "u1.medium");
}

TEST_CASE("a seed volume that only its boot sector names is a seed volume") {
    FakeSystem fake;
    fake.root.write("/sys/class/block/vdb/size", "2880\n");
    fake.root.write("/dev/vdb", fat16_boot_sector("cidata     "));
    const Detection found = find_platform(fake.system, {}, {});
    CHECK(found.platform->name() == "nocloud");
    // It is opened; what is on it needs a kernel to read: test/boot/test_cidata.py.
    const Error error = error_of([&] { return read_instance(found, fake.system, {}, {}); });
    CHECK(error.code == "volume.unreadable");
    CHECK(error.message.find("/dev/vdb") != std::string::npos);
    fake.root.write("/run/systemd/container", "lxc\n");
    CHECK(detect_platform(fake.system, {}, {}).platform == nullptr);
}
