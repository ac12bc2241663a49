// On a system that lacks something.

#include "common/sandbox/sandbox.hpp"

#include "common/base/error.hpp"
#include "common/files/file.hpp"
#include "test/fakes/confined_child.hpp"
#include "test/fakes/errors.hpp"
#include "test/fakes/temporary_root.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string>
#include <vector>

using namespace bootwright;
using namespace bootwright::sandbox_tests;
using Catch::Matchers::ContainsSubstring;

namespace {

/// As a kernel that does not have these system calls.
void pretend_missing(const std::vector<unsigned>& calls) {
    std::vector<sock_filter> program{BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr))};
    for (const unsigned call : calls) {
        program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1));
        program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS));
    }
    program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
    const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) {
        throw system_call_error("install", "a filter of the test", errno);
    }
}

}  // namespace

TEST_CASE("a kernel without Landlock is told, and the rest holds") {
    const Place place;
    const std::string said = said_by_child([&] {
        pretend_missing({SYS_landlock_create_ruleset});
        const UniqueFd status(open("/proc/self/status", O_RDONLY | O_CLOEXEC));
        const std::string words = lines(confine(place.confinement()));
        return words + "Shadow:\t" + opened("/etc/shadow", O_RDONLY) + "\nMine:\t" +
               opened("mine", O_WRONLY | O_CREAT) + "\n" + read_open_file(status, "status", 65536);
    });
    CHECK(said.starts_with("no Landlock in this kernel: Function not implemented\n" + nothing_missing + "Shadow:"));
    check_without_rights(said);
    CHECK(field_of(said, "Shadow") == "EACCES");
    CHECK(field_of(said, "Mine") == "ok");
}

TEST_CASE("a kernel without seccomp is told, and the rest holds") {
    const Place place;
    place.open_the_way();
    place.root.write("/open", "content", 0644);
    const std::string said = said_by_child([&] {
        pretend_missing({SYS_seccomp});
        const std::string words = lines(confine(place.confinement()));
        return words + opened(place.root.path("/open"), O_RDONLY) + " " + opened("mine", O_WRONLY | O_CREAT) + " " +
               (is_root ? result_of(setuid(0)) : "EPERM");
    });
    CHECK(said == nothing_missing + "no seccomp filter in this kernel\nEACCES ok EPERM");
}

TEST_CASE("limits that a kernel does not set are told, and the rest holds") {
    const Place place;
    const std::string said = said_by_child([&] {
        pretend_missing({SYS_prlimit64});
        const std::string words = lines(confine(place.confinement()));
        return words + opened("/etc/shadow", O_RDONLY) + " " + opened("mine", O_WRONLY | O_CREAT);
    });
    const std::string unset = "a resource limit cannot be set: Function not implemented\n";
    CHECK(said.find(unset + unset) != std::string::npos);
    CHECK(said.ends_with("EACCES ok"));
}

TEST_CASE("where the user does not exist it is nobody") {
    const Place place;
    CHECK(said_by_child([&] {
              const std::string words = lines(confine({.user = "bootwright-no-such-user", .writable = place.folder()}));
              return words + std::to_string(getuid()) + " " + opened("mine", O_WRONLY | O_CREAT);
          }) == (is_root ? "no user bootwright-no-such-user: runs as nobody (65534)\n65534 ok"
                         : nothing_missing + std::to_string(geteuid()) + " ok"));
}

TEST_CASE("a user that is root, and a folder that is not there, end it") {
    const Place place;
    const auto error_with = [](const Confinement& confinement) {
        return said_by_child([&] {
            const Error error = error_of([&] { return confine(confinement); });
            return std::string(to_string(error.kind)) + " " + error.code + ": " + error.message;
        });
    };
    if (is_root) {
        CHECK(error_with({.user = "root", .writable = place.folder()}) ==
              "permanent sandbox.failed: what speaks with the network cannot become the user root: it is root, or in "
              "root's group");
    }
    CHECK_THAT(error_with({.user = "nobody", .writable = place.folder() / "missing"}),
               ContainsSubstring("permanent sandbox.failed") && ContainsSubstring("missing: No such file"));
}
