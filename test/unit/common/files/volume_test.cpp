#include "common/files/volume.hpp"

#include "common/base/error.hpp"
#include "test/fakes/boot_sectors.hpp"
#include "test/fakes/errors.hpp"
#include "test/fakes/temporary_root.hpp"

#include <catch2/catch_test_macros.hpp>

#include <filesystem>

using namespace bootwright;

// A real volume needs a block device, and a kernel that can read it: test/boot/test_cidata.py has both.

TEST_CASE("a device that holds no file system, or is not there, is an error that may pass") {
    const TemporaryRoot root;
    root.write("/cidata", std::string(65536, '\0'));
    for (const auto& device : {root.path() / "cidata", root.path() / "absent"}) {
        CAPTURE(device);
        const Error error = error_of([&] { return Volume::open(device); });
        CHECK(error.code == "volume.unreadable");
        CHECK(error.kind == ErrorKind::transient);
        CHECK(error.message.find(device.string()) != std::string::npos);
    }
}

TEST_CASE("a folder of a captured machine is read as the volume that it was") {
    const TemporaryRoot root;
    root.write("/config-2/openstack/latest/user_data", "text");
    const Volume volume = Volume::open(root.path("/config-2"));
    CHECK(volume.read_file_if_exists("openstack/latest/user_data", 100) == "text");
    CHECK(volume.read_file_if_exists("openstack/latest/absent", 100) == std::nullopt);
    CHECK(volume.read_file_if_exists("absent/latest/user_data", 100) == std::nullopt);
    CHECK(error_of([&] { return volume.read_file_if_exists("openstack/latest/user_data", 3); }).code == "io.too_large");
    CHECK(error_of([&] { return volume.read_file_if_exists("openstack/latest", 100); }).code == "volume.unreadable");
}

TEST_CASE("no link leads out of a volume, wherever it stands in the path, nor within it") {
    const TemporaryRoot root;
    root.write("/secret/user_data", "hunter2");
    root.write("/volume/inside/user_data", "text");
    std::filesystem::create_symlink("/etc/hostname", root.path("/volume/user_data"));
    std::filesystem::create_directory_symlink("../secret", root.path("/volume/openstack"));
    std::filesystem::create_directory_symlink("inside", root.path("/volume/other"));
    const Volume volume = Volume::open(root.path("/volume"));
    for (const char* name : {"user_data", "openstack/user_data", "other/user_data"}) {
        CAPTURE(name);
        CHECK(error_of([&] { return volume.read_file_if_exists(name, 100); }).code == "volume.unreadable");
    }
    CHECK(error_of([&] { return volume.read_file_if_exists("../secret/user_data", 100); }).kind ==
          ErrorKind::transient);
}

TEST_CASE("the label of a boot sector is read of each FAT, and of nothing else") {
    const TemporaryRoot root;
    const auto label_in = [&](const std::string& content) {
        root.write("/device", content);
        return fat_boot_label(root.path("/device"));
    };
    for (const auto& sector_with : {fat16_boot_sector, fat32_boot_sector}) {
        CHECK(label_in(sector_with("CIDATA     ")) == "CIDATA");
        CHECK(label_in(sector_with("my label  1") + std::string(4096, 'x')) == "my label  1");
        CHECK(label_in(sector_with("NO NAME    ")) == "");
        CHECK(label_in(sector_with("CIDATA     ").replace(510, 1, "x")) == std::nullopt);
        CHECK(label_in(sector_with("CIDATA     ").substr(0, 511)) == std::nullopt);
    }
    CHECK(label_in(fat16_boot_sector("CIDATA     ").replace(54, 8, "NTFS    ")) == std::nullopt);
    CHECK(label_in(fat32_boot_sector("CIDATA     ").replace(66, 1, "(")) == std::nullopt);
    CHECK(label_in("") == std::nullopt);
    CHECK(fat_boot_label(root.path("/absent")) == std::nullopt);
    CHECK(fat_boot_label(root.path("/")) == std::nullopt);
}
