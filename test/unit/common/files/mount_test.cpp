#include "common/files/mount.hpp"

#include "test/fakes/temporary_root.hpp"

#include <catch2/catch_test_macros.hpp>

#include <filesystem>
#include <vector>

using namespace bootwright;

using Paths = std::vector<std::filesystem::path>;

TEST_CASE("the disks of a machine are mounted at one place each, and a network's file systems are none") {
    const TemporaryRoot root;
    root.write("/mounts",
               "sysfs /sys sysfs rw 0 0\n"
               "/dev/vda1 / ext4 rw,relatime 0 0\n"
               "tmpfs /run tmpfs rw 0 0\n"
               "/dev/vda1 /var/lib/kubelet/pods ext4 rw 0 0\n"
               "/dev/vdb /srv/with\\040space xfs rw 0 0\n"
               "nas.example.com:/home /home nfs4 rw 0 0\n"
               "/dev/mapper/vg-log /var/log btrfs rw 0 0\n"
               "/dev/vdb /mnt xfs rw 0 0\n");
    CHECK(disk_mounts(root.path("/mounts")) == Paths{"/", "/srv/with space", "/var/log"});
}

TEST_CASE("what a user's program serves is no disk, whatever it calls itself") {
    const TemporaryRoot root;
    root.write("/mounts",
               "/dev/vda1 / ext4 rw 0 0\n"
               "/dev/fuse /run/user/1000/doc fuse rw,user_id=1000 0 0\n"
               "/dev/vdb /home/eve/trap fuse.trap rw,user_id=1001 0 0\n"
               "/dev/vdc1 /mnt/stick fuseblk rw 0 0\n");
    CHECK(disk_mounts(root.path("/mounts")) == Paths{"/", "/mnt/stick"});
}

TEST_CASE("the root counts, whatever it lies on, and where nothing says what is mounted") {
    const TemporaryRoot root;
    root.write("/mounts", "overlay / overlay rw 0 0\n/dev/vdb /data ext4 rw 0 0\n");
    CHECK(disk_mounts(root.path("/mounts")) == Paths{"/", "/data"});
    CHECK(disk_mounts(root.path("/none")) == Paths{"/"});
}
