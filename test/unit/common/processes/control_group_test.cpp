#include "common/processes/control_group.hpp"

#include "test/fakes/temporary_root.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>

using namespace bootwright;

namespace {

/// A folder with the files that the kernel makes in a group.
ControlGroup group_with_files(const TemporaryRoot& root) {
    root.make_folder("/base");
    auto group = ControlGroup::make(root.path("/base"), "puppet");
    REQUIRE(group);
    for (const char* file : {"cgroup.procs", "cgroup.kill", "memory.max"}) {
        root.write(std::string("/base/puppet/") + file, "");
    }
    return std::move(*group);
}

}  // namespace

TEST_CASE("version 2 is found wherever it is mounted") {
    CHECK(control_group_mount("proc /proc proc rw 0 0\ncgroup2 /sys/fs/cgroup cgroup2 rw,nosuid 0 0\n") ==
          "/sys/fs/cgroup");
    CHECK(control_group_mount("cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\n"
                              "cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n") == "/sys/fs/cgroup/unified");
    CHECK_FALSE(control_group_mount("cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\n"));
    CHECK_FALSE(control_group_mount(""));
}

TEST_CASE("a process's group is the one of version 2") {
    CHECK(control_group_in("0::/system.slice/bootwright.service\n") == "/system.slice/bootwright.service");
    CHECK(control_group_in("4:memory:/x\n1:name=systemd:/y\n0::/\n") == "/");
    CHECK(control_group_in("4:memory:/x\n").empty());
}

TEST_CASE("limits and members are the files of a group") {
    const TemporaryRoot root;
    const ControlGroup group = group_with_files(root);
    CHECK(group.limit("memory.max", 1048576));
    CHECK(root.read("/base/puppet/memory.max") == "1048576");
    CHECK_FALSE(group.limit("memory.high", 1048576));  // no such controller: no file, and none is made
    CHECK_FALSE(root.exists("/base/puppet/memory.high"));
    CHECK(group.add(77));
    CHECK(root.read("/base/puppet/cgroup.procs") == "77");
    root.write("/base/puppet/cgroup.procs", "77\n0\n78\n");
    root.make_folder("/base/puppet/below/deeper");
    root.write("/base/puppet/below/deeper/cgroup.procs", "79\n");
    auto members = group.members();
    std::sort(members.begin(), members.end());
    CHECK(members == std::vector<pid_t>{77, 78, 79});
    group.kill();
    CHECK(root.read("/base/puppet/cgroup.kill") == "1");
}

TEST_CASE("what the kernel killed for want of memory is counted, where it counts") {
    const TemporaryRoot root;
    const ControlGroup group = group_with_files(root);
    CHECK_FALSE(group.out_of_memory_kills());
    root.write("/base/puppet/memory.events", "low 0\nhigh 4\nmax 12\noom 3\noom_kill 2\noom_group_kill 0\n");
    CHECK(group.out_of_memory_kills() == 2U);
    root.write("/base/puppet/memory.events", "low 0\noom_kill x\n");
    CHECK_FALSE(group.out_of_memory_kills());
}

TEST_CASE("a group in which something lives is left alone, and goes when it is empty") {
    const TemporaryRoot root;
    root.make_folder("/base/puppet/used");  // as the kernel, rmdir refuses
    {
        const auto group = ControlGroup::make(root.path("/base"), "puppet");
        REQUIRE(group);
        CHECK(group->folder() == root.path("/base/puppet-2"));
    }
    CHECK_FALSE(root.exists("/base/puppet-2"));
    CHECK(root.exists("/base/puppet/used"));
    CHECK_FALSE(ControlGroup::make(root.path("/no such base"), "puppet"));
}
