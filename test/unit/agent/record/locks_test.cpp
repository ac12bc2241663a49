#include "agent/record/locks.hpp"

#include "agent/record/status_file.hpp"
#include "common/base/error.hpp"
#include "test/fakes/errors.hpp"
#include "test/fakes/fake_system.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>

using namespace bootwright;
using namespace std::chrono_literals;

namespace {

constexpr const char* file = "/var/lib/bootwright/locks.json";

struct Lockable : FakeSystem {
    void lock(const std::string& name, std::optional<std::chrono::milliseconds> lasts = {}) const {
        set_lock(system, {.name = name, .reason = "the disks are moved", .by = "alice on /dev/pts/0"}, lasts);
    }
    [[nodiscard]] std::size_t held() const { return held_locks(system).size(); }
    [[nodiscard]] std::optional<std::chrono::milliseconds> left() const { return held_locks(system).at(0).left; }
    void reboot() {
        root.write("/proc/sys/kernel/random/boot_id", "b0071d00-0000-4000-8000-000000000002\n");
        clock.time.since_boot = 10s;
    }
    void is_on(const std::string& hardware) const { root.write("/sys/class/dmi/id/product_uuid", hardware); }
};

}  // namespace

TEST_CASE("a lock says who set it, when and why, and holds until it is removed") {
    Lockable machine;
    CHECK(machine.held() == 0);
    machine.lock("disks");
    CHECK(machine.root.mode(file) == 0600);
    machine.reboot();
    const auto locks = held_locks(machine.system);
    REQUIRE(locks.size() == 1);
    CHECK(described(locks.front(), machine.clock.time) ==
          "disks, by alice on /dev/pts/0, since 2026-11-22T21:31:32.123Z: the disks are moved");
    CHECK_FALSE(locks.front().left);
    remove_lock(machine.system, "disks");
    CHECK(machine.held() == 0);
}

TEST_CASE("a lock is understood where the kernel gives the boot no name") {
    Lockable machine;
    machine.root.remove("/proc/sys/kernel/random/boot_id");
    machine.lock("disks", 1h);
    CHECK(machine.left() == 1h);
    remove_lock(machine.system, "disks");
    CHECK(machine.held() == 0);
}

TEST_CASE("several locks hold until the last is gone") {
    Lockable machine;
    machine.lock("disks", 1h);
    machine.lock("network");
    CHECK(machine.held() == 2);
    machine.clock.advance(2h);
    REQUIRE(machine.held() == 1);
    CHECK(held_locks(machine.system).front().name == "network");
}

TEST_CASE("within a boot a lock lasts as long as it should, however the wall clock is set") {
    Lockable machine;
    machine.lock("disks", 2h);
    machine.clock.time.wall += std::chrono::hours(GENERATE(-500'000, -1, 0, 1, 24 * 365));
    machine.clock.advance(90min);
    CHECK(machine.left() == 30min);
    CHECK(described(held_locks(machine.system).front(), machine.clock.time).find("(30 min)") != std::string::npos);
    machine.clock.advance(30min);
    CHECK(machine.held() == 0);
}

TEST_CASE("after a reboot a lock ends by the wall clock, and one that is not set ends none") {
    Lockable machine;
    machine.lock("disks", 2h);
    machine.clock.advance(30min);
    const auto wall = machine.clock.time.wall;
    machine.reboot();
    CHECK(machine.left() == 90min);
    machine.clock.time.wall = {};
    CHECK(machine.left() == 2h);  // no longer than it was to last
    machine.clock.time.wall = wall + 90min;
    CHECK(machine.held() == 0);
}

TEST_CASE("a lock of a clock that was not set counts from the next boot on") {
    Lockable machine;
    machine.clock.time.wall = std::chrono::system_clock::time_point(90s);
    machine.lock("disks", 2h);
    machine.reboot();
    machine.clock.time.wall = std::chrono::sys_days(std::chrono::year(2026) / 11 / 24);
    CHECK(machine.left() == 2h - 10s);
    machine.clock.advance(2h);
    CHECK(machine.held() == 0);
}

TEST_CASE("a lock stays behind when its disk is copied to another machine") {
    Lockable machine;
    machine.is_on("one");
    machine.lock("disks");
    CHECK(machine.held() == 1);
    machine.is_on("another");
    CHECK(machine.held() == 0);
    machine.lock("disks");
    CHECK(machine.held() == 1);
    machine.is_on("one");
    CHECK(machine.held() == 0);
    machine.root.write("/run/systemd/container",
                       "lxc");  // which sees the firmware of its host: that may be another one each day
    CHECK(machine.held() == 1);
}

TEST_CASE("what cannot be understood is not taken for no lock") {
    const char* content = GENERATE(
        "", "rubbish", "[]", "{}", R"({"schema": 1})", R"({"schema": 2, "locks": []})", R"({"schema": 1, "locks": {}})",
        R"({"schema": 1, "locks": [5]})", R"({"schema": 1, "locks": [{"name": "x"}]})",
        R"({"schema": 1, "locks": [{"name": "x", "boot_id": "b", "since_ms": -1, "since_boot_ms": 1, "lasts_ms": null}]})",
        R"({"schema": 1, "locks": [{"name": "x", "boot_id": "b", "since_ms": 1, "since_boot_ms": 1, "lasts_ms": "1h"}]})");
    CAPTURE(content);
    const Lockable machine;
    machine.root.write(file, content);
    const Error error = error_of([&] { return held_locks(machine.system); });
    CHECK(error.code == "lock.unreadable");
    CHECK(error.kind == ErrorKind::permanent);
    CHECK(error.advice.find(file) != std::string::npos);
    CHECK(error_of([&] { return machine.lock("y"), 0; }).code == "lock.unreadable");
    CHECK(error_of([&] { return remove_lock(machine.system, "x"), 0; }).code == "lock.unreadable");
    CHECK(machine.root.read(file) == content);
}

TEST_CASE("a file beyond all bounds is not understood, either") {
    const Lockable machine;
    machine.root.write(file, std::string((std::size_t{1} << 20U) + 1, ' '));
    CHECK(error_of([&] { return held_locks(machine.system); }).code == "lock.unreadable");
}

TEST_CASE("numbers beyond all reason and keys of a later version harm nothing") {
    const Lockable machine;
    machine.root.write(file, R"({"schema": 1, "more": 1, "locks": [{"name": "x", "boot_id": "b", "later": [],
        "since_ms": 18446744073709551615, "since_boot_ms": 18446744073709551615, "lasts_ms": 18446744073709551615}]})");
    REQUIRE(machine.held() == 1);
    CHECK(machine.left() > 24h);
    CHECK(to_json(held_locks(machine.system).front(), machine.clock.time).at("name") == "x");
}

TEST_CASE("a name that holds is not given twice, and one that does not hold is not removed") {
    Lockable machine;
    machine.lock("disks", 1h);
    Error error = error_of([&] { return machine.lock("disks"), 0; });
    CHECK(error.code == "lock.exists");
    CHECK(error.message.find("alice") != std::string::npos);
    CHECK(error_of([&] { return remove_lock(machine.system, "network"), 0; }).code == "lock.not_held");
    machine.clock.advance(1h);
    CHECK(error_of([&] { return remove_lock(machine.system, "disks"), 0; }).code == "lock.not_held");
    CHECK_NOTHROW(machine.lock("disks"));
}

TEST_CASE("there are no more locks than anybody can look through") {
    Lockable machine;
    for (int i = 0; i < 100; ++i) {
        machine.lock("lock-" + std::to_string(i));
    }
    CHECK(error_of([&] { return machine.lock("one-more"), 0; }).code == "lock.too_many");
    CHECK(machine.held() == 100);
}

TEST_CASE("Puppet's own lock holds, wherever the package keeps it and whatever is in it") {
    // Puppet's own package, Debian's (vardir is /var/cache/puppet), and the old place.
    const char* lock =
        GENERATE("/opt/puppetlabs/puppet/cache/state/agent_disabled.lock",
                 "/var/cache/puppet/state/agent_disabled.lock", "/var/lib/puppet/state/agent_disabled.lock");
    const char* content =
        GENERATE(R"({"disabled_message":"maintenance by Ada"})", "", "rubbish", "[]", R"({"disabled_message": 5})");
    CAPTURE(lock, content);
    Lockable machine;
    machine.root.write(lock, content);
    const auto locks = held_locks(machine.system);
    REQUIRE(locks.size() == 1);
    CHECK(locks.front().name == "puppet");
    CHECK(locks.front().reason == (std::string(content).find("Ada") == std::string::npos ? "" : "maintenance by Ada"));
    const Error error = lock_held(locks, machine.clock.time);
    CHECK(error.code == "lock.held");
    CHECK(error.kind == ErrorKind::stopped);
    CHECK(error.message.find(lock) != std::string::npos);
    CHECK(error.advice.find("puppet agent --enable") != std::string::npos);
}

TEST_CASE("Puppet's own lock holds, and is not waited for, if it is no file") {
    const Lockable machine;
    machine.root.make_folder("/var/lib/puppet/state");
    REQUIRE(mkfifo(machine.root.path("/var/lib/puppet/state/agent_disabled.lock").c_str(), 0600) == 0);
    CHECK(machine.held() == 1);
    machine.root.remove("/var/lib/puppet/state/agent_disabled.lock");
    std::filesystem::create_symlink("/nowhere", machine.root.path("/var/lib/puppet/state/agent_disabled.lock"));
    CHECK(machine.held() == 1);
}

TEST_CASE("the error names each lock and what ends it") {
    Lockable machine;
    machine.lock("disks");
    machine.lock("network", 1h);
    const Error error = lock_held(held_locks(machine.system), machine.clock.time);
    for (const char* text : {"disks, by alice", "network, by alice", "until 2026-11-22T22:31:32.123Z (1 h 0 min)",
                             "the disks are moved"}) {
        CAPTURE(text);
        CHECK(error.message.find(text) != std::string::npos);
    }
    CHECK(error.advice ==
          "when the reason is gone: `bootwright unlock disks`, `bootwright unlock network`; `bootwright run --force` "
          "goes "
          "past it once");
}

TEST_CASE("a machine without locks gets no status by that") {
    Lockable machine;
    show_locks(machine.system, {});
    CHECK_FALSE(std::filesystem::exists(machine.system.runtime() / "status.json"));
}

TEST_CASE("the status forgets a lock that is gone") {
    Lockable machine;
    machine.lock("disks", 1h);
    show_locks(machine.system, held_locks(machine.system));
    show_locks(machine.system, {});
    CHECK(StatusFile(machine.system).read().at("locks").empty());
}

TEST_CASE("the status shows each lock to whoever may not read the file") {
    Lockable machine;
    machine.lock("disks", 1h);
    show_locks(machine.system, held_locks(machine.system));
    const Json locks = StatusFile(machine.system).read().at("locks");
    REQUIRE(locks.size() == 1);
    CHECK(locks.at(0) == Json{{"name", "disks"},
                              {"reason", "the disks are moved"},
                              {"by", "alice on /dev/pts/0"},
                              {"since", "2026-11-22T21:31:32.123Z"},
                              {"until", {{"wall", "2026-11-22T22:31:32.123Z"}, {"monotonic_s", 3605.0}}},
                              {"file", nullptr}});
}
