#include "agent/record/reboots.hpp"

#include "test/fakes/errors.hpp"
#include "test/fakes/fake_system.hpp"

#include <catch2/catch_test_macros.hpp>

#include <memory>
#include <optional>
#include <string>

using namespace bootwright;

namespace {

constexpr int most = 3;

/// A machine of which only what is applied counts.
struct Rebooting : FakeSystem {
    int boots = 1;
    int run = 0;

    Rebooting() { root.make_folder("/var/lib/bootwright"); }
    void boot() {
        root.write("/proc/sys/kernel/random/boot_id",
                   "b0071d00-0000-4000-8000-00000000001" + std::to_string(++boots) + "\n");
        clock.time = {};
    }
    std::unique_ptr<Applying> begin(const std::string& revision = "aaaa", const std::string& role = "web") {
        RoleConfig config;
        config.role = role;
        return std::make_unique<Applying>(system, ++run, revision, config, most);
    }
};

}  // namespace

TEST_CASE("a run that a reboot cut off is resumed, and a loop of such is broken") {
    Rebooting machine;
    for (int i = 0; i < most; ++i) {
        const auto applying = machine.begin();
        CHECK(applying->resumes() == i);  // the run before
        applying->ended(true, true, GoingDown::reboot);
        machine.boot();
    }
    const Error error = error_of([&] { return machine.begin(), 0; });
    CHECK(error.code == "puppet.reboot_loop");
    CHECK(error.kind == ErrorKind::permanent);
    CHECK(error.message.find("3 times") != std::string::npos);
    CHECK(error_of([&] { return machine.begin(), 0; }).code == "puppet.reboot_loop");  // again
    machine.boot();                                                                    // an operator's own
    CHECK(error_of([&] { return machine.begin(), 0; }).code == "puppet.reboot_loop");

    SECTION("another revision is applied") { CHECK_NOTHROW(machine.begin("bbbb")); }
    SECTION("another role config is applied") { CHECK_NOTHROW(machine.begin("aaaa", "db")); }
    SECTION("an operator has it applied") {
        forget_reboots(machine.system);
        CHECK_NOTHROW(machine.begin());
    }
    SECTION("an image may allow any number") {
        RoleConfig config;
        config.role = "web";
        CHECK_NOTHROW(Applying(machine.system, 9, "aaaa", config, 0));
    }
}

TEST_CASE("a machine that goes down without a word counts like a reboot") {
    Rebooting machine;
    for (int i = 0; i < most; ++i) {
        auto applying = machine.begin();
        const std::string left = machine.root.read("/var/lib/bootwright/applying.json");
        applying.reset();
        machine.root.write("/var/lib/bootwright/applying.json", left);  // as where the process could not write any more
        machine.boot();
    }
    CHECK(error_of([&] { return machine.begin(), 0; }).code == "puppet.reboot_loop");
}

TEST_CASE("what was cut off, or could not be flushed, is owed to the disks, until it is or the machine boots again") {
    Rebooting machine;
    CHECK_FALSE(machine.begin()->owes_flush());
    SECTION("not even begun") { CHECK_FALSE(machine.begin()->owes_flush()); }
    SECTION("flushed") {
        machine.begin()->ended(true, true, GoingDown::no);
        CHECK_FALSE(machine.begin()->owes_flush());
    }
    SECTION("not flushed") {
        machine.begin()->ended(true, false, GoingDown::no);
        CHECK(machine.begin()->owes_flush());
        CHECK(machine.begin()->owes_flush());  // the one between has not even begun
        SECTION("flushed later") {
            machine.begin()->ended(false, true, GoingDown::no);
            CHECK_FALSE(machine.begin()->owes_flush());
        }
        SECTION("another boot") {
            machine.boot();
            CHECK_FALSE(machine.begin()->owes_flush());
        }
    }
    SECTION("cut off") {
        auto applying = machine.begin();
        const std::string left = machine.root.read("/var/lib/bootwright/applying.json");
        applying.reset();
        machine.root.write("/var/lib/bootwright/applying.json", left);
        CHECK(machine.begin()->owes_flush());
    }
}

TEST_CASE("runs that end, and machines that are shut down, are no loop") {
    Rebooting machine;
    const auto boot_as = [&](GoingDown down) {
        for (int i = 0; i < 2 * most; ++i) {
            machine.begin()->ended(true, true, down);
            machine.boot();
        }
    };
    SECTION("shut down") {
        boot_as(GoingDown::off);
        CHECK(machine.begin()->resumes() == 2 * most);
    }
    SECTION("at an end of its own") {
        boot_as(GoingDown::no);
        CHECK(machine.begin()->resumes() == 0);
    }
    SECTION("not even begun") {
        for (int i = 0; i < 2 * most; ++i) {
            machine.begin().reset();
            machine.boot();
        }
        CHECK(machine.begin()->resumes() == 0);
    }
}

TEST_CASE("several runs of one boot are one reboot") {
    Rebooting machine;
    for (int i = 0; i < most - 1; ++i) {
        machine.begin()->ended(false, true, GoingDown::no);
        machine.begin()->ended(true, true, GoingDown::reboot);
        machine.boot();
    }
    machine.begin()->ended(false, true, GoingDown::no);
    machine.begin()->ended(false, true, GoingDown::no);
    machine.boot();
    // The row was broken.
    for (int i = 0; i < most; ++i) {
        machine.begin()->ended(true, true, GoingDown::reboot);
        machine.boot();
    }
    CHECK(error_of([&] { return machine.begin(), 0; }).code == "puppet.reboot_loop");
}

TEST_CASE("a reboot right after a run that changed something is that run's") {
    struct Row {
        bool has_changed;
        std::chrono::minutes later;
        bool is_loop;
    };
    for (const Row& row : {Row{true, std::chrono::minutes(1), true}, Row{true, std::chrono::minutes(5), false},
                           Row{false, std::chrono::minutes(1), false}}) {
        CAPTURE(row.has_changed, row.later.count());
        Rebooting machine;
        for (int i = 0; i < most; ++i) {
            machine.begin()->ended(row.has_changed, true, GoingDown::no);
            machine.clock.time.since_boot += row.later;
            machine_reboots(machine.system);
            machine.boot();
        }
        std::optional<std::string> code;
        try {
            const auto applying = machine.begin();
            CHECK(applying->resumes() == 0);  // it was complete
        } catch (const Error& error) {
            code = error.code;
        }
        CHECK(code.has_value() == row.is_loop);
    }
}

TEST_CASE("a damaged note counts as none") {
    Rebooting machine;
    for (const char* text : {"", "{", "[]", "7", R"({"boot_id": 7, "counts": "yes", "reboots": "9", "run": {}})"}) {
        machine.root.write("/var/lib/bootwright/applying.json", text);
        CHECK(machine.begin()->resumes() == 0);
    }
    machine.root.write("/var/lib/bootwright/applying.json", "{");
    machine_reboots(machine.system);
}

TEST_CASE("the note is for root alone, and one larger than any that the agent writes counts as none") {
    Rebooting machine;
    machine.begin()->ended(true, true, GoingDown::reboot);
    CHECK(machine.root.mode("/var/lib/bootwright/applying.json") == 0600);
    const std::string note = machine.root.read("/var/lib/bootwright/applying.json");
    machine.boot();
    const auto resumes_with = [&](std::size_t size) {
        machine.root.write("/var/lib/bootwright/applying.json", std::string(size - note.size(), ' ') + note);
        return machine.begin()->resumes();
    };
    CHECK(resumes_with(65536) == 1);
    CHECK(resumes_with(65538) == 0);
}
