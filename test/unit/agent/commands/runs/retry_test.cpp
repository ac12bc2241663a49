#include "agent/daemon/ask.hpp"
#include "agent/record/locks.hpp"
#include "agent/record/status_file.hpp"
#include "common/base/error.hpp"
#include "common/processes/process_tree.hpp"
#include "test/fakes/errors.hpp"
#include "test/fakes/fake_system.hpp"
#include "test/fakes/printed.hpp"
#include "test/fakes/signal_mask.hpp"

#include <catch2/catch_test_macros.hpp>

#include <unistd.h>

#include <csignal>
#include <ctime>

using namespace bootwright;

namespace {

/// This process stands for the daemon, and hears SIGHUP.
struct WithDaemon : FakeSystem {
    WithDaemon() {
        sigemptyset(&hup);
        sigaddset(&hup, SIGHUP);
        pthread_sigmask(SIG_BLOCK, &hup, nullptr);
        system.environment["SUDO_USER"] = "alice";
        status("daemon", {{"pid", getpid()}, {"pid_start", start()}, {"state", "waiting"}});
    }
    static unsigned long long start() { return identify_process(getpid()).value().start_ticks; }
    void status(const char* section, const Json& content) const {
        StatusFile(system).update([&](Json& status) { status[section] = content; });
    }
    [[nodiscard]] bool has_heard() const {
        const timespec none{};
        return sigtimedwait(&hup, nullptr, &none) == SIGHUP;
    }

    SignalMask mask{};
    sigset_t hup{};
};

Error refused(const WithDaemon& machine) {
    return error_of([&] { return run_command(machine.system, "retry"); });
}

}  // namespace

TEST_CASE("the daemon is asked for a run, and told by whom") {
    const WithDaemon machine;
    const std::string text = printed_by(machine.system, "retry");
    CHECK(text.starts_with("the daemon (process " + std::to_string(getpid()) + ") runs at once"));
    CHECK(machine.has_heard());
    CHECK(machine.root.mode("/run/bootwright/asked.json") == 0600);
    CHECK(who_asked(machine.system).starts_with("alice"));
    CHECK(who_asked(machine.system).empty());  // once
}

TEST_CASE("a daemon that is gone, or another process in its place, is not asked") {
    const WithDaemon machine;
    machine.status("daemon", {{"pid", getpid()}, {"pid_start", 1}, {"state", "waiting"}});
    CHECK(refused(machine).code == "daemon.not_running");
    machine.status("daemon", {{"pid", getpid()}, {"pid_start", WithDaemon::start()}, {"state", "stopped"}});
    CHECK(refused(machine).code == "daemon.not_running");
    machine.status("daemon", nullptr);
    CHECK(refused(machine).code == "daemon.not_running");
    CHECK_FALSE(machine.has_heard());
    CHECK_FALSE(machine.root.exists("/run/bootwright/asked.json"));
}

TEST_CASE("a locked machine, or a run under way, is no reason to ask") {
    const WithDaemon machine;
    machine.status("run", {{"number", 7}, {"state", "running"}, {"pid", getpid()}, {"pid_start", WithDaemon::start()}});
    CHECK(printed_by(machine.system, "retry").starts_with("run 7 is under way already"));
    set_lock(machine.system, {.name = "disks", .reason = "they are moved"}, {});
    CHECK(refused(machine).code == "lock.held");
    CHECK_FALSE(machine.has_heard());
}

TEST_CASE("who asked is nobody if what says so is damaged") {
    const FakeSystem fake;
    for (const char* content : {"", "{", "[]", R"({"by": 5})"}) {
        fake.root.write("/run/bootwright/asked.json", content);
        CHECK(who_asked(fake.system).empty());
        CHECK_FALSE(fake.root.exists("/run/bootwright/asked.json"));
    }
}
