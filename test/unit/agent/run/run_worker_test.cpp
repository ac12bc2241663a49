#include "agent/run/run_worker.hpp"

#include "agent/record/locks.hpp"
#include "agent/record/past.hpp"
#include "agent/record/status_file.hpp"
#include "common/base/error.hpp"
#include "common/processes/process.hpp"
#include "test/fakes/errors.hpp"
#include "test/fakes/fake_machine.hpp"

#include <catch2/catch_test_macros.hpp>

#include <poll.h>
#include <unistd.h>

#include <memory>

using namespace bootwright;

namespace {

void wait_for(int fd) {
    pollfd polled{fd, POLLIN, 0};
    poll(&polled, 1, 60'000);
}

}  // namespace

TEST_CASE("a run on a thread of its own makes its end known") {
    FakeMachine machine;
    RunWorker worker(machine.system, {RunCause::retry});
    wait_for(worker.ended_fd());
    const RunReport report = worker.join();
    CHECK(report.is_good());
    CHECK(report.number == 1);
    CHECK(worker.record().snapshot().finished);
    CHECK(worker.join().is_good());  // again
    CHECK(machine.root.exists("/var/lib/bootwright/runs/000001/report.json"));
    CHECK(machine.root.mode("/var/lib/bootwright") == 0700);
}

TEST_CASE("a run is over, and the next is planned, while others outside are still told of it") {
    FakeMachine machine;
    Json user_data = Json::parse(good_user_data());
    user_data["announce"] = {{"webhook", {{"url", "https://hooks.example.com/"}}}};
    machine.http.answer("GET /latest/user-data", to_line(user_data));
    RunWorker* worker = nullptr;
    bool was_over = false;
    bool had_ended = true;
    std::stop_source made;
    machine.processes.answer("bootwright-download", {.work = [&](const ProcessRequest&) {
                                 while (!made.stop_requested()) {
                                     std::this_thread::yield();
                                 }
                                 was_over = worker->is_over() && worker->record().snapshot().is_good();
                                 had_ended = worker->has_ended();
                             }});
    RunWorker run(machine.system, {RunCause::retry});
    worker = &run;
    made.request_stop();
    wait_for(run.over_fd());
    CHECK(run.is_over());
    wait_for(run.ended_fd());
    CHECK(run.has_ended());
    CHECK(was_over);
    CHECK_FALSE(had_ended);
    CHECK(run.join().is_good());
}

TEST_CASE("a run tells which one it resumes, be it the first of all") {
    FakeMachine machine;
    machine.root.write("/var/lib/bootwright/applying.json", R"({"boot_id": "another", "run": 1, "cut_off": true})");
    CHECK(RunWorker(machine.system, {RunCause::retry}).join().resumes == 1);
}

TEST_CASE("two runs never overlap") {
    FakeMachine machine;
    std::optional<Error> refused;
    machine.processes.answer(
        "bootwright-fetch", {.work = [&](const ProcessRequest&) {
            refused = error_of([&] { return std::make_unique<RunWorker>(machine.system, RunOrder{RunCause::retry}); });
        }});
    {
        RunWorker worker(machine.system, {RunCause::retry});
        worker.join();
    }
    REQUIRE(refused);
    CHECK(refused->code == "run.locked");
    CHECK(refused->kind == ErrorKind::transient);
    machine.processes.answer("bootwright-fetch", good_fetch());
    CHECK(RunWorker(machine.system, {RunCause::retry}).join().number == 2);  // the lock went with the first
}

TEST_CASE("to destroy it is to stop the run and wait for it") {
    FakeMachine machine;
    machine.http.answer("GET /latest/user-data", {transient_error("http.timeout", "silence", "wait")});
    machine.root.write("/etc/bootwright/agent.json", R"({"retry": {"platform": {"attempts": 1000}}})");
    {
        std::unique_ptr<RunWorker> worker;
        std::stop_source begun;
        machine.clock.on_sleep = [&](std::size_t number) {
            if (number == 2) {
                while (!begun.stop_requested()) {
                    std::this_thread::yield();
                }
            }
        };
        worker = std::make_unique<RunWorker>(machine.system, RunOrder{RunCause::retry});
        worker->request_stop();
        begun.request_stop();
        worker.reset();
        machine.clock.on_sleep = nullptr;
    }
    const Json run = StatusFile(machine.system).read().at("run");
    CHECK(run.at("state") == "finished");
    CHECK(run.at("outcome") == "interrupted");
    CHECK(machine.clock.slept.size() < 999);
}

TEST_CASE("what a killed run left is ended before the next one begins, and only that") {
    FakeMachine machine;
    SystemProcessRunner runner;
    std::size_t lines = 0;
    // The child of a killed agent, as the status names it, while it is at work.
    const auto begin_next_run = [&](const ProcessId& child, const Json& wrong) {
        StatusFile(machine.system).update([&](Json& status) {
            status["run"] = {
                {"number", 1}, {"state", "running"}, {"child", {{"pid", child.pid}, {"pid_start", child.start_ticks}}}};
            status["run"].update(wrong, true);
        });
        CHECK(RunWorker(machine.system, {RunCause::retry}).join().is_good());
    };
    ProcessId child;
    const ProcessResult result = runner.run(
        {.arguments = {"/bin/sh", "-c", "echo one; sleep 0.001; echo two; sleep 0.001; echo three; sleep 1000"},
         .environment = {{"PATH", "/usr/bin:/bin"}},
         .timeout = std::chrono::minutes(1)},
        {.started = [&](ProcessId id) { child = id; },
         .line =
             [&](std::string_view) {
                 switch (++lines) {
                     case 1: begin_next_run(child, {{"state", "finished"}}); break;
                     case 2: begin_next_run({child.pid, child.start_ticks + 1}, Json::object()); break;
                     default: begin_next_run(child, Json::object());
                 }
             }},
        {});
    CHECK(lines == 3);
    CHECK(result.end == ProcessResult::End::killed_by_signal);
}

TEST_CASE("a handed-over Puppet is waited for up to its deadline, and ended after it") {
    FakeMachine machine;
    SystemProcessRunner runner;
    std::optional<Error> before;
    std::size_t lines = 0;
    ProcessId keeper;
    const auto note = [&](std::chrono::milliseconds deadline) {
        machine.root.write("/run/bootwright/handed_over.json", to_line({{"run", 7},
                                                                        {"pid", keeper.pid},
                                                                        {"pid_start", keeper.start_ticks},
                                                                        {"deadline_ms", deadline.count()}}));
    };
    const auto now = machine.clock.now().since_boot;
    const ProcessResult result =
        runner.run({.arguments = {"/bin/sh", "-c", "echo one; sleep 0.001; echo two; sleep 1000"},
                    .environment = {{"PATH", "/usr/bin:/bin"}},
                    .timeout = std::chrono::minutes(1)},
                   {.started = [&](ProcessId id) { keeper = id; },
                    .line =
                        [&](std::string_view) {
                            if (++lines == 1) {
                                note(now + std::chrono::milliseconds(1));
                                before = error_of([&] {
                                    return std::make_unique<RunWorker>(machine.system, RunOrder{RunCause::retry});
                                });
                                return;
                            }
                            note(now);
                            CHECK(RunWorker(machine.system, {RunCause::retry}).join().is_good());
                        }},
                   {});
    REQUIRE(before);
    CHECK(before->code == "run.locked");
    CHECK(before->message.find("the Puppet of run 7") != std::string::npos);
    CHECK(lines == 2);
    CHECK(result.end == ProcessResult::End::killed_by_signal);
}

TEST_CASE("what keeps a run from beginning is in the status until one begins") {
    FakeMachine machine;
    const auto state = machine.root.path("/var/lib/bootwright");
    const auto blocked = [&] { return StatusFile(machine.system).read().at("blocked"); };
    CHECK(blocked().is_null());
    CHECK(RunWorker(machine.system, {RunCause::retry}).join().is_good());
    std::filesystem::rename(state, state.string() + ".away");
    machine.root.write("/var/lib/bootwright", "no folder");
    const Error error =
        error_of([&] { return std::make_unique<RunWorker>(machine.system, RunOrder{RunCause::retry}); });
    const Json first = blocked();
    CHECK(first.at("error") == to_json(error));
    CHECK(error.message.find("/var/lib/bootwright") != std::string::npos);
    machine.clock.advance(std::chrono::minutes(1));
    error_of([&] { return std::make_unique<RunWorker>(machine.system, RunOrder{RunCause::retry}); });
    CHECK(blocked() == first);  // since then
    std::filesystem::remove(state);
    std::filesystem::rename(state.string() + ".away", state);
    CHECK(RunWorker(machine.system, {RunCause::retry}).join().is_good());
    CHECK(blocked().is_null());
}

TEST_CASE("that another run is under way blocks none: it is that run's status") {
    FakeMachine machine;
    machine.root.make_folder("/run/bootwright");
    const auto lock = FileLock::try_take(machine.root.path("/run/bootwright/run.lock"));
    REQUIRE(lock);
    CHECK(error_of([&] { return std::make_unique<RunWorker>(machine.system, RunOrder{RunCause::retry}); }).code ==
          "run.locked");
    CHECK(StatusFile(machine.system).read().at("blocked").is_null());
}

TEST_CASE("a status that makes no sense does not keep a run from beginning") {
    for (const char* run : {"5", "[]", R"({"state": "running"})", R"({"state": "running", "child": 5})",
                            R"({"state": "running", "child": {}})", R"({"state": "running", "child": {"pid": "x"}})",
                            R"({"state": "running", "child": {"pid": -1, "pid_start": -1}})",
                            R"({"state": "running", "child": {"pid": 1e99, "pid_start": null}})"}) {
        CAPTURE(run);
        FakeMachine machine;
        StatusFile(machine.system).update([&](Json& status) { status["run"] = Json::parse(run); });
        std::string problem;
        try {
            RunWorker(machine.system, {RunCause::retry}).join();
        } catch (const std::exception& exception) {
            problem = exception.what();
        }
        CHECK(problem.empty());
    }
}

TEST_CASE("a status that has grown beyond all measure does not keep a run from beginning") {
    FakeMachine machine;
    machine.root.write("/run/bootwright/status.json",
                       R"({"schema": 1, "boot_id": "b0071d00-0000-4000-8000-000000000001", "run": ")" +
                           std::string((std::size_t{1} << 20U) + 1, 'x') + "\"}");
    CHECK_NOTHROW(RunWorker(machine.system, {RunCause::retry}).join());
}

TEST_CASE("a lock lets no run begin; the history says so, and the status still shows the last one that did something") {
    FakeMachine machine;
    CHECK(RunWorker(machine.system, {RunCause::boot}).join().is_good());
    const Json before = StatusFile(machine.system).read();
    const std::size_t requests = machine.http.requests.size();
    const std::size_t started = machine.processes.requests.size();
    set_lock(machine.system, {.name = "disks", .reason = "they are moved", .by = "alice"}, {});
    const Error error =
        error_of([&] { return std::make_unique<RunWorker>(machine.system, RunOrder{RunCause::schedule}); });
    CHECK(error.code == "lock.held");
    CHECK(error.message.find("disks, by alice") != std::string::npos);
    CHECK(machine.http.requests.size() == requests);
    CHECK(machine.processes.requests.size() == started);
    const Json status = StatusFile(machine.system).read();
    CHECK(status.at("run") == before.at("run"));
    CHECK(status.at("blocked").is_null());
    CHECK(status.at("locks").at(0).at("name") == "disks");
    const Json line = Past(machine.system).run(2).value();
    CHECK(line.at("outcome") == "locked");
    CHECK(line.at("cause").at("why") == "schedule");
    CHECK(line.at("error").at("code") == "lock.held");

    remove_lock(machine.system, "disks");
    const RunReport next = RunWorker(machine.system, {RunCause::schedule}).join();
    CHECK(next.is_good());
    CHECK(next.number == 3);
    CHECK(next.before == 1);
    CHECK(StatusFile(machine.system).read().at("locks").empty());
}

TEST_CASE("a run that is to go past locks does, and says which they were") {
    FakeMachine machine;
    set_lock(machine.system, {.name = "disks", .reason = "they are moved", .by = "alice"}, {});
    machine.root.write("/var/lib/puppet/state/agent_disabled.lock", "");
    const RunReport report =
        RunWorker(machine.system, {.cause = RunCause::asked_for, .by = "bob", .goes_past_locks = true}).join();
    CHECK(report.is_good());
    CHECK(StatusFile(machine.system).read().at("run").at("past_locks") == Json{"disks", "puppet"});
    CHECK(Past(machine.system).run(1)->at("past_locks") == Json{"disks", "puppet"});
    CHECK(held_locks(machine.system).size() == 2);
}

TEST_CASE("a file of locks that cannot be understood lets no run begin, and is in the status") {
    FakeMachine machine;
    machine.root.write("/var/lib/bootwright/locks.json", "{");
    const Error error = error_of([&] { return std::make_unique<RunWorker>(machine.system, RunOrder{RunCause::boot}); });
    CHECK(error.code == "lock.unreadable");
    CHECK(StatusFile(machine.system).read().at("blocked").at("error").at("code") == "lock.unreadable");
    CHECK(RunWorker(machine.system, {.cause = RunCause::asked_for, .goes_past_locks = true}).join().is_good());
}

TEST_CASE("a full disk does not let a run past a lock") {
    FakeMachine machine;
    set_lock(machine.system, {.name = "disks", .reason = "they are moved"}, {});
    machine.root.write("/var/lib/bootwright/runs", "a file, so that nothing can be kept");
    CHECK(error_of([&] { return std::make_unique<RunWorker>(machine.system, RunOrder{RunCause::boot}); }).code ==
          "lock.held");
}
