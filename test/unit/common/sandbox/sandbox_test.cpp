#include "common/sandbox/sandbox.hpp"

#include "common/base/error.hpp"
#include "common/files/file.hpp"
#include "test/fakes/confined_child.hpp"
#include "test/fakes/temporary_root.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <linux/netlink.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <functional>
#include <string>
#include <thread>
#include <vector>

using namespace bootwright;
using namespace bootwright::sandbox_tests;
using Catch::Matchers::ContainsSubstring;
namespace fs = std::filesystem;

namespace {

/// A port of the loopback interface that somebody listens on.
struct Listener {
    Listener() {
        socklen_t size = sizeof address;
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (bind(fd.get(), general(), size) != 0 || listen(fd.get(), 4) != 0 ||
            getsockname(fd.get(), general(), &size) != 0) {
            throw system_call_error("listen on", "the loopback interface", errno);
        }
    }
    sockaddr* general() { return static_cast<sockaddr*>(static_cast<void*>(&address)); }

    UniqueFd fd{socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    sockaddr_in address{};
};

std::string resolved(const char* name) {
    addrinfo* found = nullptr;
    const int error = getaddrinfo(name, "443", nullptr, &found);
    if (error != 0) {
        return gai_strerror(error);
    }
    freeaddrinfo(found);
    return "ok";
}

std::string run_program(const std::vector<const char*>& arguments) {
    std::vector<char*> vector;
    vector.reserve(arguments.size() + 1);
    for (const char* argument : arguments) {
        vector.push_back(const_cast<char*>(argument));
    }
    vector.push_back(nullptr);
    std::array<char*, 1> environment{nullptr};
    execve(vector.front(), vector.data(), environment.data());
    return result_of(-1);
}

/// With the library's function, which returns twice as the bare call cannot.
long vforked() {
    const pid_t pid = vfork();  // NOLINT(clang-analyzer-security.insecureAPI.vfork)
    if (pid == 0) {
        _exit(0);
    }
    return pid;
}

/// As a service manager may hand them on. Only root can.
void have_inheritable_capabilities_and_groups() {
    const std::array<gid_t, 2> groups{0, 4};
    static_cast<void>(setgroups(groups.size(), groups.data()));
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> sets{};
    syscall(SYS_capget, &header, sets.data());
    for (auto& set : sets) {
        set.inheritable = set.permitted;
    }
    syscall(SYS_capset, &header, sets.data());
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_RAW, 0, 0);
}

}  // namespace

TEST_CASE("a confined process has no rights left, and no way back to them") {
    const Place place;
    const std::string said = said_by_child([&] {
        have_inheritable_capabilities_and_groups();
        const UniqueFd status(open("/proc/self/status", O_RDONLY | O_CLOEXEC));
        const std::string words = lines(confine(place.confinement()));
        std::string back;
        for (const int call : {SYS_setuid, SYS_setgid}) {
            back += result_of(syscall(call, 0)) + " ";
        }
        back += result_of(setresuid(0, 0, 0)) + " " + result_of(setgroups(0, nullptr));
        rlimit files{};
        rlimit core{};
        getrlimit(RLIMIT_NOFILE, &files);
        getrlimit(RLIMIT_CORE, &core);
        return words + "Back:\t" + back + "\nFiles:\t" + std::to_string(files.rlim_max) + "\nCore:\t" +
               std::to_string(core.rlim_max) + "\nDumpable:\t" + std::to_string(prctl(PR_GET_DUMPABLE)) + "\n" +
               read_open_file(status, "status", 65536);
    });
    CHECK(("\n" + said).starts_with("\n" + nothing_missing + "Back:"));
    check_without_rights("\n" + said);
    CHECK(field_of("\n" + said, "Back") == "EPERM EPERM EPERM EPERM");
    CHECK(field_of(said, "Files") == "256");
    CHECK(field_of(said, "Core") == "0");
    CHECK(field_of(said, "Dumpable") == "0");
}

TEST_CASE("a confined process writes in its folder, also where the folder above is closed to it") {
    const Place place;
    CHECK(said_by_child([&] {
              const std::string words = lines(confine(place.confinement()));
              fs::create_directory("below");
              write_file("below/first", "content", 0600);
              fs::rename("below/first", "pack");
              return words + opened("new", O_WRONLY | O_CREAT) + opened("pack", O_RDWR | O_TRUNC);
          }) == nothing_missing + "okok");
    CHECK(place.root.exists("/work/pack"));
    CHECK(place.root.mode("/work/new") == 0600);
    struct stat status {};
    REQUIRE(stat((place.folder() / "new").c_str(), &status) == 0);
    CHECK(status.st_uid == (is_root ? nobody.uid : geteuid()));
}

TEST_CASE("a confined process writes nowhere else, however open it stands") {
    // Before Linux 6.2 Landlock does not know truncate(2), and only modes keep from it, as SECURITY.md says.
    const bool has_truncate = syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION) >= 3;
    const Place place;
    place.open_the_way();
    place.root.write("/open", "content");
    chmod(place.root.path("/open").c_str(), 0666);
    const std::string mine = "bwtest-" + std::to_string(getpid());
    const std::vector<fs::path> elsewhere{"/tmp/" + mine, "/dev/shm/" + mine, "/var/tmp/" + mine, "/etc/" + mine,
                                          place.root.path("/new")};
    CHECK(said_by_child([&] {
              confine(place.confinement());
              std::string said;
              for (const fs::path& path : elsewhere) {
                  said += opened(path, O_WRONLY | O_CREAT) + " ";
              }
              said += opened(place.root.path("/open"), O_WRONLY) + " ";
              said += result_of(truncate(place.root.path("/open").c_str(), 0)) + " ";
              said += opened("mine", O_WRONLY | O_CREAT) + " ";
              said += result_of(rename("mine", place.root.path("/moved").c_str())) + " ";
              return said + opened("/dev/null", O_RDWR);
          }) ==
          "EACCES EACCES EACCES EACCES EACCES EACCES " + std::string(has_truncate ? "EACCES" : "ok") + " ok EACCES ok");
    CHECK(place.root.read("/open") == (has_truncate ? "content" : ""));
    for (const fs::path& path : elsewhere) {
        CHECK_FALSE(fs::exists(path));
    }
}

TEST_CASE("a confined process reads the system's settings, what it is given, and nothing else") {
    const Place place;
    place.open_the_way();
    place.root.write("/secret", "secret", 0600);
    place.root.write("/open", "content", 0644);
    place.root.write("/ca.pem", "certificate", 0644);
    Confinement confinement = place.confinement();
    confinement.readable = {place.root.path("/ca.pem"), "/does/not/exist"};
    const std::string proc = "/proc/" + std::to_string(getpid()) + "/cmdline";
    CHECK(said_by_child([&] {
              const std::string words = lines(confine(confinement));
              std::string said = words;
              for (const fs::path& path :
                   {fs::path("/etc/shadow"), place.root.path("/secret"), place.root.path("/open"), fs::path(proc),
                    fs::path("/root"), fs::path("/home"), fs::path("/dev/tty")}) {
                  said += opened(path, O_RDONLY) + " ";
              }
              for (const fs::path& path :
                   {place.root.path("/ca.pem"), fs::path("/etc/passwd"), fs::path("/etc/ssl"),
                    fs::path("/etc/nsswitch.conf"), fs::path("/usr/lib"), fs::path("/dev/urandom")}) {
                  said += opened(path, O_RDONLY) + " ";
              }
              return said;
          }) == nothing_missing + "EACCES EACCES EACCES EACCES EACCES EACCES EACCES ok ok ok ok ok ok ");
}

TEST_CASE("what a confined process must not ask is refused, and it lives on") {
    const Place place;
    struct Row {
        const char* name;
        const char* expected;
        std::function<long()> call;
    };
    const std::vector<Row> rows{
        {"ptrace", "EPERM", [] { return ptrace(PTRACE_TRACEME, 0, nullptr, nullptr); }},
        {"process_vm_readv", "EPERM",
         [] { return syscall(SYS_process_vm_readv, getpid(), nullptr, 0, nullptr, 0, 0); }},
        {"kcmp", "EPERM", [] { return syscall(SYS_kcmp, getpid(), getpid(), 0, 0, 0); }},
        {"mount", "EPERM", [] { return syscall(SYS_mount, nullptr, nullptr, nullptr, 0, nullptr); }},
        {"fsopen", "EPERM", [] { return syscall(SYS_fsopen, nullptr, 0); }},
        {"chroot", "EPERM", [] { return syscall(SYS_chroot, nullptr); }},
        {"unshare", "EPERM", [] { return unshare(CLONE_NEWUSER); }},
        {"unshare nothing", "EPERM", [] { return unshare(0); }},
        {"setns", "EPERM", [] { return setns(-1, 0); }},
        {"clone with a namespace", "EPERM",
         [] { return started(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0)); }},
        {"clone of a process", "EPERM", [] { return started(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0)); }},
        {"clone of a process that shares all but is no thread", "EPERM",
         [] { return started(syscall(SYS_clone, CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND, 0, 0, 0, 0)); }},
        {"fork of the library", "EPERM", [] { return started(fork()); }},
        {"vfork", "EPERM", [] { return vforked(); }},
#ifdef SYS_fork
        {"fork", "EPERM", [] { return started(syscall(SYS_fork)); }},
#endif
        {"clone3", "ENOSYS", [] { return syscall(SYS_clone3, nullptr, 0); }},
        {"bpf", "EPERM", [] { return syscall(SYS_bpf, -1, nullptr, 0); }},
        {"perf_event_open", "EPERM", [] { return syscall(SYS_perf_event_open, nullptr, 0, 0, 0, 0); }},
        {"userfaultfd", "EPERM", [] { return syscall(SYS_userfaultfd, -1); }},
        {"io_uring_setup", "EPERM", [] { return syscall(SYS_io_uring_setup, 0, nullptr); }},
        {"keyctl", "EPERM", [] { return syscall(SYS_keyctl, -1, 0, 0, 0, 0); }},
        {"add_key", "EPERM", [] { return syscall(SYS_add_key, nullptr, nullptr, nullptr, 0, 0); }},
        {"open_by_handle_at", "EPERM", [] { return syscall(SYS_open_by_handle_at, -1, nullptr, 0); }},
        {"finit_module", "EPERM", [] { return syscall(SYS_finit_module, -1, nullptr, 0); }},
        {"adjtimex", "EPERM", [] { return syscall(SYS_adjtimex, nullptr); }},
        {"clock_settime", "EPERM", [] { return syscall(SYS_clock_settime, 0, nullptr); }},
        {"setuid to itself", "EPERM", [] { return syscall(SYS_setuid, getuid()); }},
        {"setgroups", "EPERM", [] { return syscall(SYS_setgroups, 0, nullptr); }},
        {"personality", "EPERM", [] { return personality(PER_LINUX32); }},
        {"personality, asked", "ok", [] { return personality(0xffffffff); }},
        {"a character into the terminal", "EPERM", [] { return ioctl(-1, TIOCSTI, nullptr); }},
        {"another ioctl", "EBADF", [] { return ioctl(-1, FIONREAD, nullptr); }},
        {"listen", "EPERM", [] { return listen(-1, 1); }},
        {"AF_PACKET", "EPERM", [] { return socket(AF_PACKET, SOCK_DGRAM, 0); }},
        {"AF_ALG", "EPERM", [] { return socket(AF_ALG, SOCK_SEQPACKET, 0); }},
        {"AF_VSOCK", "EPERM", [] { return socket(AF_VSOCK, SOCK_STREAM, 0); }},
        {"AF_AX25", "EPERM", [] { return socket(AF_AX25, SOCK_DGRAM, 0); }},
        {"AF_NETLINK for devices", "EPERM", [] { return socket(AF_NETLINK, SOCK_RAW, NETLINK_KOBJECT_UEVENT); }},
        {"AF_NETLINK for addresses", "ok", [] { return socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE); }},
        {"AF_INET", "ok", [] { return socket(AF_INET, SOCK_STREAM, 0); }},
        {"AF_UNIX", "ok", [] { return socket(AF_UNIX, SOCK_STREAM, 0); }},
        {"execve", "EPERM", [] { return syscall(SYS_execve, "/bin/true", nullptr, nullptr); }},
        {"execveat", "EPERM", [] { return syscall(SYS_execveat, -1, nullptr, nullptr, nullptr, 0); }},
#ifdef __x86_64__
        {"AF_PACKET with more than an int", "EPERM",
         [] { return syscall(SYS_socket, (1L << 32U) | AF_PACKET, SOCK_DGRAM, 0); }},
#endif
    };
    std::string expected = nothing_missing;
    for (const Row& row : rows) {
        expected += std::string(row.name) + ": " + row.expected + "\n";
    }
    CHECK(said_by_child([&] {
              std::string said = lines(confine(place.confinement()));
              for (const Row& row : rows) {
                  said += std::string(row.name) + ": " + result_of(row.call()) + "\n";
              }
              return said;
          }) == expected);
}

TEST_CASE("threads, names and connections work in a confined process") {
    const Place place;
    Listener listener;
    CHECK(said_by_child([&] {
              std::string said = lines(confine(place.confinement()));
              std::thread([&said] { said += "thread "; }).join();
              for (const char* name : {"localhost", "127.0.0.1", "::1"}) {
                  said += resolved(name) + " ";
              }
              const UniqueFd client(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
              return said + result_of(connect(client.get(), listener.general(), sizeof listener.address));
          }) == nothing_missing + "thread ok ok ok ok");
}

TEST_CASE("a confined process starts programs only where it may, and none of what it has written") {
    const Place place;
    const std::vector<const char*> echo{"/bin/sh", "-c", "echo started"};
    CHECK(said_by_child([&] {
              confine(place.confinement());
              return run_program(echo);
          }) == "EPERM");
    CHECK(said_by_child([&] {
              confine(place.with_programs());
              return result_of(started(fork()));
          }) == "ok");
    CHECK(said_by_child([&] {
              confine(place.with_programs());
              return run_program(echo);
          }) == "started\n");
    CHECK(said_by_child([&] {
              confine(place.with_programs());
              write_file("program", "#!/bin/sh\necho started\n", 0700);
              return run_program({"./program"});
          }) == "EACCES");
    CHECK_THAT(said_by_child([&] {
                   confine(place.with_programs());
                   return run_program({"/usr/bin/ssh", "-V"});
               }),
               ContainsSubstring("OpenSSH"));
}

TEST_CASE("ssh, started by a confined process, connects and is as confined") {
    const Place place;
    Listener listener;
    const std::string port = std::to_string(ntohs(listener.address.sin_port));
    const Child child([&] {
        confine(place.with_programs());
        return run_program({"/usr/bin/ssh", "-F", "/dev/null", "-o", "BatchMode=yes", "-p", port.c_str(), "127.0.0.1"});
    });
    // It now waits for the greeting of a server.
    pollfd connection{listener.fd.get(), POLLIN, 0};
    REQUIRE(poll(&connection, 1, 60000) == 1);
    const std::string status = read_file("/proc/" + std::to_string(child.pid()) + "/status", 65536);
    CHECK(status.starts_with("Name:\tssh\n"));
    check_without_rights(status);
}
