#include "common/processes/service_manager.hpp"

#include "common/files/file.hpp"
#include "test/fakes/fake_processes.hpp"
#include "test/fakes/temporary_root.hpp"

#include <catch2/catch_test_macros.hpp>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

using namespace bootwright;

namespace {

/// A datagram socket as systemd makes it, and $NOTIFY_SOCKET that names it.
class NotifySocket {
public:
    explicit NotifySocket(const std::string& name)
        : fd_(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, name.data(), name.size());
        if (name.starts_with('@')) {
            address.sun_path[0] = '\0';
        }
        const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
        REQUIRE(bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), size) == 0);
        setenv("NOTIFY_SOCKET", name.c_str(), 1);
    }
    NotifySocket(const NotifySocket&) = delete;
    NotifySocket& operator=(const NotifySocket&) = delete;
    ~NotifySocket() { unsetenv("NOTIFY_SOCKET"); }

    [[nodiscard]] std::string receive() const {
        std::array<char, 4096> buffer{};
        const ssize_t count = recv(fd_.get(), buffer.data(), buffer.size(), 0);
        return count < 0 ? "(nothing)" : std::string(buffer.data(), static_cast<std::size_t>(count));
    }

private:
    UniqueFd fd_;
};

}  // namespace

TEST_CASE("the service's state goes to systemd's socket as one datagram") {
    const TemporaryRoot root;
    const NotifySocket socket((root.path() / "notify").string());
    notify_service_manager("READY=1\nSTATUS=configured");
    CHECK(socket.receive() == "READY=1\nSTATUS=configured");
}

TEST_CASE("a socket in the abstract namespace works as well") {
    const NotifySocket socket("@bootwright-test-" + std::to_string(getpid()));
    notify_service_manager("WATCHDOG=1");
    CHECK(socket.receive() == "WATCHDOG=1");
}

TEST_CASE("without a usable socket nothing happens") {
    const std::size_t most = sizeof(sockaddr_un::sun_path);
    for (const std::string& name : {std::string(), std::string("relative"), "/" + std::string(most - 1, 'x'),
                                    "/" + std::string(200, 'x'), std::string("/no/such/socket")}) {
        setenv("NOTIFY_SOCKET", name.c_str(), 1);
        CHECK_NOTHROW(notify_service_manager("READY=1"));
    }
    unsetenv("NOTIFY_SOCKET");
    CHECK_NOTHROW(notify_service_manager("READY=1"));
}

TEST_CASE("a machine that goes down is known by systemd's jobs") {
    struct Row {
        std::vector<std::string> jobs;
        GoingDown down;
    };
    const std::vector<Row> rows{
        {{}, GoingDown::no},
        {{"No jobs running."}, GoingDown::no},
        {{"12 bootwright.service stop running"}, GoingDown::no},
        {{"12 bootwright.service stop running", "1 shutdown.target start waiting", "2 reboot.target start waiting"},
         GoingDown::reboot},
        {{"2 kexec.target start waiting", "1 shutdown.target start waiting"}, GoingDown::reboot},
        {{"1 shutdown.target start waiting", "2 poweroff.target start waiting"}, GoingDown::off},
        {{"2 soft-reboot.target start waiting", "1 shutdown.target start waiting"}, GoingDown::reboot},
        {{"7 reboot.target.wants.service start waiting"}, GoingDown::no},
        {{"7 reboot.target stop waiting"}, GoingDown::no},
        {{"7 shutdown.target stop waiting"}, GoingDown::no},
    };
    for (const Row& row : rows) {
        CAPTURE(row.jobs);
        FakeProcesses processes;
        processes.answer("list-jobs", {.lines = row.jobs});
        CHECK(machine_going_down(processes) == row.down);
    }
    FakeProcesses none;
    CHECK(machine_going_down(none) == GoingDown::no);
}

TEST_CASE("systemd's jobs are read, and what is no job is not one") {
    FakeProcesses processes;
    processes.answer("list-jobs", {.lines = {"No jobs running.", "  7 a.service  start  running",
                                             "8 b@\\x2d.mount stop waiting extra", "9 half"}});
    const auto jobs = list_jobs(processes, {});
    REQUIRE(jobs.size() == 2);
    CHECK((jobs[0].unit == "a.service" && jobs[0].type == "start" && jobs[0].state == "running"));
    CHECK((jobs[1].unit == "b@\\x2d.mount" && jobs[1].type == "stop" && jobs[1].state == "waiting"));
}
