#include "agent/platform/machine.hpp"

#include "test/fakes/boot_sectors.hpp"
#include "test/fakes/errors.hpp"
#include "test/fakes/fake_system.hpp"

#include <catch2/catch_test_macros.hpp>

#include <optional>
#include <string>

using namespace bootwright;

TEST_CASE("a parameter of the kernel is a whole word") {
    FakeSystem fake;
    fake.root.write("/proc/cmdline", "xds=1 ds  noequals ds=nocloud;s=http://h/?a=b empty= ds2=2\n");
    CHECK(kernel_parameter(fake.system, "ds") == "nocloud;s=http://h/?a=b");
    CHECK(kernel_parameter(fake.system, "empty") == "");
    CHECK(kernel_parameter(fake.system, "noequals") == std::nullopt);
    CHECK(kernel_parameter(fake.system, "s") == std::nullopt);
    fake.root.remove("/proc/cmdline");
    CHECK(kernel_parameter(fake.system, "ds") == std::nullopt);
}

TEST_CASE("a quoted parameter of the kernel is read without its quotes") {
    // As the boot loader's configuration writes one with a semicolon, and as the kernel shows it in /proc/cmdline.
    FakeSystem fake;
    fake.root.write("/proc/cmdline", "quiet ds=\"nocloud;s=http://h/\" ro\n");
    CHECK(kernel_parameter(fake.system, "ds") == "nocloud;s=http://h/");
    fake.root.write("/proc/cmdline", "quiet \"ds=nocloud;s=http://h/\" ro\n");
    CHECK(kernel_parameter(fake.system, "ds") == "nocloud;s=http://h/");
}

TEST_CASE("a small value is trimmed, and what cannot be read is not there") {
    FakeSystem fake;
    fake.root.write("/value", "  Amazon EC2 \n\n");
    fake.root.write("/large", std::string(5000, 'x'));
    fake.root.make_folder("/folder");
    CHECK(read_value(fake.system, "/value") == "Amazon EC2");
    CHECK(read_value(fake.system, "/absent") == std::nullopt);
    CHECK(read_value(fake.system, "/large") == std::nullopt);
    CHECK(read_value(fake.system, "/folder") == std::nullopt);
}

TEST_CASE("a machine without a machine-id has no identity yet") {
    FakeSystem fake;
    CHECK(machine_id(fake.system) == "0123456789abcdef0123456789abcdef");
    for (const char* content : {"", "\n", "uninitialized\n"}) {
        fake.root.write("/etc/machine-id", content);
        const Error error = error_of([&] { return machine_id(fake.system); });
        CHECK(error.code == "platform.no_identity");
        CHECK(error.kind == ErrorKind::transient);
    }
    fake.root.remove("/etc/machine-id");
    CHECK(error_of([&] { return machine_id(fake.system); }).code == "platform.no_identity");
}

namespace {

/// A block device of 1.4 MB, as the kernel shows it.
void attach(const FakeSystem& fake, const std::string& name, const std::string& sector, const char* size = "2880\n") {
    fake.root.write("/sys/class/block/" + name + "/size", size);
    fake.root.write("/sys/class/block/" + name + "/dev", "252:16\n");
    fake.root.write("/dev/" + name, sector);
}

std::string found(const FakeSystem& fake) {
    const Evidence evidence = boot_sector_evidence(fake.system, "cidata", Rank::seed_of_machine);
    CHECK(evidence.matched == (evidence.path != "/sys/class/block"));
    return evidence.matched ? evidence.path : "";
}

}  // namespace

TEST_CASE("a FAT volume whose label stands in its boot sector only is found, in any case, the first by name") {
    FakeSystem fake;
    CHECK(found(fake).empty());
    attach(fake, "vdc", fat16_boot_sector("CIDATA     "));
    attach(fake, "vdd", fat16_boot_sector("cidata     "));
    attach(fake, "vda", fat16_boot_sector("config-2   "));
    attach(fake, "vdb", "");
    CHECK(found(fake) == "/dev/vdc");
}

TEST_CASE("of a device that udev knows, its word counts, and a device that no seed has is not read") {
    FakeSystem fake;
    attach(fake, "vdb", fat16_boot_sector("cidata     "));
    for (const auto& [record, is_read] :
         {std::pair("S:disk\nE:ID_FS_TYPE=vfat\nE:ID_FS_VERSION=FAT12\n", true),
          std::pair("S:disk\nE:ID_FS_TYPE=ext4\n", false),
          std::pair("S:disk\nE:ID_FS_TYPE=vfat\nE:ID_FS_LABEL=EFI\n", false), std::pair("", false)}) {
        CAPTURE(record);
        fake.root.write("/run/udev/data/b252:16", record);
        CHECK(found(fake) == (is_read ? "/dev/vdb" : ""));
    }
    fake.root.remove("/run/udev/data/b252:16");
    for (const auto& [size, is_read] :
         {std::pair("8\n", false), std::pair("64\n", true), std::pair("1048575\n", true), std::pair("1048576\n", false),
          std::pair("0\n", false), std::pair("x", false)}) {
        CAPTURE(size);
        fake.root.write("/sys/class/block/vdb/size", size);
        CHECK(found(fake) == (is_read ? "/dev/vdb" : ""));
    }
}
