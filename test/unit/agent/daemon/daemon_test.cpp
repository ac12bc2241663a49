#include "agent/daemon/daemon.hpp"

#include "agent/record/locks.hpp"
#include "agent/record/past.hpp"
#include "agent/record/status_file.hpp"
#include "common/base/error.hpp"
#include "common/files/file.hpp"
#include "test/fakes/captured_errors.hpp"
#include "test/fakes/errors.hpp"
#include "test/fakes/fake_machine.hpp"
#include "test/fakes/signal_mask.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>

using namespace bootwright;
using namespace std::chrono_literals;

namespace {

/// systemd's side of a Type=notify service.
class Supervisor {
public:
    explicit Supervisor(const std::string& path) : fd_(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, path.data(), path.size());
        REQUIRE(bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
        setenv("NOTIFY_SOCKET", path.c_str(), 1);
    }
    Supervisor(const Supervisor&) = delete;
    Supervisor& operator=(const Supervisor&) = delete;
    ~Supervisor() { unsetenv("NOTIFY_SOCKET"); }

    /// All messages so far, each followed by a line of its own.
    std::string heard() {
        std::array<char, 65536> buffer{};
        for (ssize_t count = recv(fd_.get(), buffer.data(), buffer.size(), 0); count >= 0;
             count = recv(fd_.get(), buffer.data(), buffer.size(), 0)) {
            text_.append(buffer.data(), static_cast<std::size_t>(count)).append("\n--\n");
        }
        return text_;
    }

private:
    UniqueFd fd_;
    std::string text_;
};

std::size_t count(const std::string& text, const std::string& part) {
    std::size_t found = 0;
    for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
        ++found;
    }
    return found;
}

/// A moment of 24 November 2026 (UTC), so long after boot.
Instant at(const std::string& time, std::chrono::milliseconds since_boot, int days_later = 0) {
    int hours = 0;
    int minutes = 0;
    int seconds = 0;
    REQUIRE(std::sscanf(time.c_str(), "%d:%d:%d", &hours, &minutes, &seconds) == 3);
    using namespace std::chrono;
    const sys_days day = year(2026) / November / 24;
    return {day + days(days_later) + std::chrono::hours(hours) + std::chrono::minutes(minutes) +
                std::chrono::seconds(seconds),
            since_boot};
}

}  // namespace

TEST_CASE("a schedule is kept by the wall clock, however that is set") {
    struct Row {
        const char* name;
        Schedule schedule;  // interval, phase, end of the last run since boot
        Instant now;
        std::chrono::milliseconds wait;
    };
    const Row row = GENERATE_COPY(values<Row>({
        {"the next half hour", {30min, 0ms, 1h}, at("12:05:00", 1h), 25min},
        {"the minute of this instance", {30min, 7min, 1h}, at("12:10:00", 1h), 27min},
        {"a moment that is too near is left out", {30min, 0ms, 1h}, at("12:20:00", 1h), 40min},
        {"half an interval is far enough", {30min, 0ms, 1h}, at("12:15:00", 1h), 15min},
        {"later, it is the same moment", {30min, 0ms, 1h}, at("12:20:00", 1h + 15min), 10min},
        {"now", {30min, 0ms, 1h}, at("12:30:00", 1h + 25min), 0ms},
        {"a little late", {30min, 0ms, 1h}, at("12:30:07", 1h + 25min + 7s), 0ms},
        {"after a suspension of a day it is due, once", {30min, 0ms, 1h}, at("12:05:00", 25h, 1), 0ms},
        {"and then by schedule again", {30min, 0ms, 25h}, at("12:05:00", 25h, 1), 25min},
        {"each day", {24h, 3h, 1h}, at("04:00:00", 1h), 23h},
        {"set back an hour in between", {24h, 3h, 1h}, at("09:00:00", 1h + 7h), 18h},
        {"set on an hour in between", {24h, 3h, 1h}, at("11:00:00", 1h + 7h), 16h},
        {"set on over the moment", {24h, 3h, 1h}, at("03:00:10", 1h + 23h, 1), 0ms},
        {"set back over the moment, after the run", {24h, 3h, 25h}, at("02:59:30", 25h + 1min, 1), 24h + 30s},
        {"set from 1970 to today", {30min, 0ms, 10s}, at("12:00:00", 1min), 30min},
        {"set from today to 1970", {30min, 0ms, 1h}, {{}, 1h + 10min}, 30min},
        {"before 1970", {30min, 0ms, 1h}, {std::chrono::system_clock::time_point(-20min), 1h}, 20min},
    }));
    CAPTURE(row.name);
    CHECK(until_scheduled(row.schedule, row.now) == row.wait);
}

TEST_CASE("a clock that is set all the time makes runs neither crowd nor stay away") {
    std::uint64_t state = 1;
    const auto random = [&](std::uint64_t below) {
        state = state * 6364136223846793005U + 1442695040888963407U;
        return (state >> 33U) % below;
    };
    Schedule schedule{24h, 3h, 0ms};
    auto now = at("10:00:00", 0ms);
    std::chrono::milliseconds longest{0};
    for (int i = 0; i < 20000; ++i) {
        now.since_boot += 10min;
        now.wall += 10min + std::chrono::seconds(random(7200)) - 1h;
        if (until_scheduled(schedule, now) == 0ms) {
            CHECK(now.since_boot - schedule.last >= 12h);
            longest = std::max(longest, now.since_boot - schedule.last);
            schedule.last = now.since_boot;
        }
    }
    CHECK(longest <= 36h + 10min);
}

TEST_CASE("a fleet spreads over the splay, each instance always in the same way") {
    std::array<int, 10> tenths{};
    for (int i = 0; i < 1000; ++i) {
        const std::string id = "i-0123456789abc" + std::to_string(1000 + i);
        const Schedule schedule = schedule_of(id, 30min, 10min, 0ms);
        CHECK(schedule.phase < 10min);
        CHECK(schedule.phase == schedule_of(id, 30min, 10min, 5h).phase);
        ++tenths.at(static_cast<std::size_t>(schedule.phase / 1min));
    }
    for (const int count : tenths) {
        CHECK(count > 60);
        CHECK(count < 140);
    }
    CHECK(schedule_of("i-1", 30min, 0ms, 0ms).phase == 0ms);
    CHECK(schedule_of("i-1", 30min, 24h, 0ms).phase < 30min);
}

TEST_CASE("the plan after a run follows from how it ended") {
    struct Row {
        const char* name;
        std::optional<Error> error;
        std::optional<std::chrono::milliseconds> interval;
        std::chrono::milliseconds splay;
        int failures;
        double random;
        std::optional<std::chrono::milliseconds> delay;
        const char* reason;
    };
    const Error transient = transient_error("a.b", "c", "d");
    const Error permanent = permanent_error("e.f", "c", "d");
    Error going_away(ErrorKind::stopped, "platform.going_away", "c", "d");
    going_away.retry_after = 10min;
    Error busy = transient;
    busy.retry_after = 5min;
    // The defaults: transient from 30 s up to 10 min, permanent from 5 min up to 30 min.
    const Row row = GENERATE_COPY(values<Row>({
        {"good, no schedule", {}, {}, 0s, 0, 0.5, {}, ""},
        {"good, by schedule", {}, 30min, 0s, 0, 0.5, 40min, "schedule"},  // at 12:20: not at 12:30, but at 13:00
        {"stopped", stopped_error(), 30min, 0s, 1, 0.5, {}, ""},
        {"going away", going_away, 30min, 0s, 1, 0.5, 10min, "platform.going_away"},
        {"transient, first", transient, {}, 0s, 1, 0.5, 15s, "a.b"},
        {"transient, third", transient, {}, 0s, 3, 0.5, 60s, "a.b"},
        {"transient, capped", transient, {}, 0s, 50, 0.5, 5min, "a.b"},
        {"transient, at once", transient, {}, 0s, 1, 0.0, 0s, "a.b"},
        {"transient, with a schedule", transient, 1h, 0s, 1, 0.5, 15s, "a.b"},
        {"the server's own wish", busy, {}, 0s, 1, 0.5, 5min, "a.b"},
        {"permanent, first", permanent, {}, 0s, 1, 0.0, 5min, "e.f"},
        {"permanent, first, later", permanent, {}, 0s, 1, 0.5, 7min + 30s, "e.f"},
        {"permanent, capped", permanent, {}, 0s, 50, 0.5, 20min, "e.f"},
    }));
    CAPTURE(row.name);
    RunReport report;
    report.error = row.error;
    report.interval = row.interval;
    report.splay = row.splay;
    const auto next = plan_next_run(report, row.failures, {}, row.random, at("12:20:00", 1h));
    REQUIRE(next.has_value() == row.delay.has_value());
    if (next) {
        CHECK(next->delay == *row.delay);
        CHECK(next->reason.find(row.reason) != std::string::npos);
    }
}

TEST_CASE("a permanent error is never tried again in a tight loop, and never later than an hour") {
    RunReport report;
    report.error = permanent_error("a.b", "c", "d");
    for (int failures = 1; failures < 100; ++failures) {
        for (const double random : {0.0, 0.3, 0.999999}) {
            const auto next = plan_next_run(report, failures, {}, random, at("12:00:00", 1h));
            REQUIRE(next);
            CHECK(next->delay >= 5min);
            CHECK(next->delay <= 1h);
        }
    }
}

TEST_CASE("the daemon runs at its start and at SIGHUP, is ready once, and ends at SIGTERM") {
    const SignalMask mask;
    FakeMachine machine;
    Supervisor systemd(machine.root.path("/notify").string());
    int runs = 0;
    machine.processes.answer("apply", {.work = [&](const ProcessRequest& request) {
                                 leave_traces("unchanged", request);
                                 kill(getpid(), ++runs == 1 ? SIGHUP : SIGTERM);
                             }});
    run_daemon(machine.system);

    CHECK(runs == 2);
    const std::string heard = systemd.heard();
    CHECK(count(heard, "READY=1") == 1);
    CHECK(count(heard, "STOPPING=1") == 1);
    CHECK(count(heard, "WATCHDOG=1") >= 2);
    CHECK(heard.find("STATUS=") != std::string::npos);
    const Json status = StatusFile(machine.system).read();
    CHECK(status.at("daemon").at("state") == "stopped");
    CHECK(status.at("daemon").at("pid") == getpid());
    CHECK(status.at("daemon").at("next").is_null());
    CHECK_FALSE(status.at("configured").is_null());
    CHECK(status.at("run").at("number") == 2);
    CHECK(status.at("run").at("state") == "finished");
    CHECK(machine.root.exists("/var/lib/bootwright/runs/000002/report.json"));
}

TEST_CASE("a daemon whose run fails is not ready, and plans the next one") {
    const SignalMask mask;
    FakeMachine machine;
    Supervisor systemd(machine.root.path("/notify").string());
    int runs = 0;
    machine.http.answer("GET /latest/user-data", "{\"rol\": 1}");
    machine.http.on_request = [&](const std::string& key) {
        if (key != "GET /latest/user-data") {
            return;
        }
        if (++runs == 1) {
            kill(getpid(), SIGHUP);  // runs again at once, whatever the plan says
        } else {
            kill(getpid(), SIGTERM);
        }
    };
    run_daemon(machine.system);
    CHECK(count(systemd.heard(), "READY=1") == 0);
    CHECK(StatusFile(machine.system).read().at("configured").is_null());
}

TEST_CASE("the more runs have failed in a row, the longer the daemon waits for the next") {
    const SignalMask mask;
    FakeMachine machine;
    machine.http.answer("GET /latest/user-data", "{\"rol\": 1}");
    int plans = 0;
    machine.system.random = [&] {  // asked by each plan
        kill(getpid(), ++plans < 3 ? SIGHUP : SIGTERM);
        return 0.5;
    };
    const CapturedErrors errors;
    run_daemon(machine.system);
    const std::string log = errors.text();
    std::size_t at = 0;
    for (const char* wait : {"next run in 7 min", "next run in 10 min", "next run in 15 min"}) {
        CAPTURE(wait);
        at = log.find(wait, at);
        CHECK(at != std::string::npos);
    }
}

TEST_CASE("the status tells when the next run is, by the wall clock and by the one of the boot") {
    const SignalMask mask;
    FakeMachine machine;
    machine.http.answer("GET /latest/user-data", "{\"rol\": 1}");
    sigset_t term;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &term, nullptr);  // for the thread, too
    Json next;
    std::thread reader([&] {
        while (next.is_null()) {
            next = StatusFile(machine.system).read().value(Json::json_pointer("/daemon/next"), Json());
            std::this_thread::yield();
        }
        kill(getpid(), SIGTERM);
    });
    run_daemon(machine.system);
    reader.join();
    const auto wait = 7min + 30s;
    const Instant expected{machine.clock.time.wall + wait, machine.clock.time.since_boot + wait};
    CHECK(next.at("at") == to_json(expected));
    CHECK(string_at(next, "reason").find("role.invalid") != std::string::npos);
}

TEST_CASE("a damaged configuration ends a run, never the daemon") {
    const char* text = GENERATE("{", R"({"history": {"keep": 1e999}})", R"({"nonsense": 1})");
    CAPTURE(text);
    const SignalMask mask;
    FakeMachine machine;
    machine.root.write("/etc/bootwright/agent.json", text);
    const Supervisor systemd(machine.root.path("/notify").string());
    // The run fails at once; SIGTERM is already waiting when the daemon looks for signals.
    sigset_t term;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &term, nullptr);
    std::string problem;
    try {
        kill(getpid(), SIGTERM);
        run_daemon(machine.system);
    } catch (const std::exception& exception) {
        problem = exception.what();
    }
    CHECK(problem.empty());
}

TEST_CASE("a status that makes no sense does not keep the daemon from starting") {
    const char* text =
        GENERATE("", "{", R"({"schema": 1, "boot_id": "b0071d00-0000-4000-8000-000000000001"})",
                 R"({"schema": 1, "boot_id": "b0071d00-0000-4000-8000-000000000001", "configured": 5, "run": []})");
    CAPTURE(text);
    const SignalMask mask;
    FakeMachine machine;
    machine.root.write("/run/bootwright/status.json", text);
    machine.processes.answer("apply", {.work = [&](const ProcessRequest& request) {
                                 leave_traces("unchanged", request);
                                 kill(getpid(), SIGTERM);
                             }});
    std::string problem;
    try {
        run_daemon(machine.system);
    } catch (const std::exception& exception) {
        problem = exception.what();
    }
    CHECK(problem.empty());
}

TEST_CASE("a daemon that starts again in a boot that is configured is ready at once") {
    const SignalMask mask;
    FakeMachine machine;
    Supervisor systemd(machine.root.path("/notify").string());
    machine.processes.answer("apply", {.work = [](const ProcessRequest&) { kill(getpid(), SIGTERM); }});
    StatusFile(machine.system).update([](Json& status) { status["configured"] = {{"run", 1}}; });
    run_daemon(machine.system);
    CHECK(systemd.heard().starts_with("READY=1\n"));
    CHECK(count(systemd.heard(), "READY=1") == 1);
}

TEST_CASE("two daemons never run at once") {
    FakeMachine machine;
    machine.root.make_folder("/run/bootwright");
    const auto lock = FileLock::try_take(machine.root.path("/run/bootwright/daemon.lock"));
    REQUIRE(lock);
    const Error error = error_of([&] { return run_daemon(machine.system), 0; });
    CHECK(error.code == "daemon.locked");
}

TEST_CASE("a locked machine has a daemon that waits, and that says for what") {
    const SignalMask mask;
    FakeMachine machine;
    set_lock(machine.system, {.name = "disks", .reason = "they are moved", .by = "alice"}, 2h);
    sigset_t hup;
    sigemptyset(&hup);
    sigaddset(&hup, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &hup, nullptr);  // for the thread, too
    machine.processes.answer("apply", {.work = [](const ProcessRequest& request) {
                                 leave_traces("unchanged", request);
                                 kill(getpid(), SIGTERM);
                             }});
    Json daemon;
    std::thread operator_([&] {
        while (string_at(member_at(daemon, "next"), "reason").find("this machine is locked") == std::string::npos) {
            daemon = StatusFile(machine.system).read().at("daemon");
            std::this_thread::yield();
        }
        remove_lock(machine.system, "disks");
        kill(getpid(), SIGHUP);
    });
    run_daemon(machine.system);
    operator_.join();
    CHECK(daemon.at("state") == "waiting");
    CHECK(daemon.at("next").at("at").is_null());
    const Past past(machine.system);
    REQUIRE(past.size() == 2);
    CHECK(past.line(0).at("outcome") == "locked");
    CHECK(past.line(0).at("cause").at("why") == "boot");
    CHECK(past.line(1).at("cause").at("why") == "asked_for");
    CHECK(past.line(1).at("outcome") != "locked");
}
