#include "agent/run/boot_wait.hpp"

#include "test/fakes/errors.hpp"
#include "test/fakes/fake_system.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <vector>

using namespace bootwright;
using namespace std::chrono_literals;

namespace {

using Script = FakeProcesses::Script;

constexpr const char* own = "1 bootwright.service start running";
constexpr const char* own_target = "2 bootwright-ready.target start waiting";
constexpr const char* after_us = "3 shop.service start waiting";
constexpr const char* web = "4 nginx.service start running";
constexpr const char* web_later = "4 nginx.service start waiting";
constexpr const char* network = "5 wait-online.service start running";

struct Waits {
    FakeSystem fake{};
    std::vector<std::string> told{};
    std::stop_source stop{};

    void wait() {
        StageEvents events;
        events.waiting = [&](const std::string& what, std::chrono::milliseconds longest) {
            told.push_back(what.empty() ? "" : what + ", " + std::to_string(longest.count()));
        };
        wait_for_boot_units(fake.system, events, stop.get_token());
    }

    [[nodiscard]] std::chrono::milliseconds slept() const {
        std::chrono::milliseconds all{};
        for (const auto one : fake.clock.slept) {
            all += one;
        }
        return all;
    }
};

}  // namespace

TEST_CASE("what this boot still starts is waited for, and what waits for this service is not") {
    struct Row {
        const char* name;
        std::vector<Script> jobs;  ///< what each look sees
        std::chrono::milliseconds slept;
    };
    const std::vector<Row> rows{
        {"nothing to do", {{.lines = {"No jobs running."}}}, 0ms},
        {"only this service", {{.lines = {own, own_target}}}, 0ms},
        {"one that starts", {{.lines = {own, web}}, {.lines = {own, web}}, {.lines = {own}}}, 400ms},
        {"one after another", {{.lines = {own, network, web_later}}, {.lines = {own, web}}, {.lines = {own}}}, 400ms},
        {"between two", {{.lines = {own, web_later}}, {.lines = {own, web}}, {.lines = {own}}}, 400ms},
        {"one that waits for us", {{.lines = {own, own_target, after_us}}}, 200ms},
        {"one that starts, and one that waits for us",
         {{.lines = {own, web, after_us}}, {.lines = {own, after_us}}, {.lines = {own, after_us}}},
         400ms},
        {"one that hangs", {{.lines = {own, network, web_later}}}, 30s},
        {"one that stops", {{.lines = {own, "6 old.service stop running"}}}, 0ms},
        {"a systemd that does not answer", {{.result = {.end = ProcessResult::End::timed_out}}}, 0ms},
        {"no systemd", {{.cannot_start = transient_error("process.cannot_start", "no systemctl", "")}}, 0ms},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        Waits waits;
        waits.fake.processes.answer("list-jobs", row.jobs);
        waits.wait();
        CHECK(waits.slept() == row.slept);
        CHECK(waits.told.back().empty());
    }
}

TEST_CASE("the status says what is waited for, and until when") {
    Waits waits;
    waits.fake.processes.answer("list-jobs", {{.lines = {network, web_later}}, {.lines = {web, network}}, Script{}});
    waits.wait();
    CHECK(waits.told ==
          std::vector<std::string>{"what this boot still starts: wait-online.service, 30000",
                                   "what this boot still starts: nginx.service, wait-online.service, 29800", ""});
}

TEST_CASE("the wait for the boot is stopped at once") {
    Waits waits;
    waits.fake.processes.answer("list-jobs", {.lines = {web}});
    waits.fake.clock.on_sleep = [&](std::size_t) { waits.stop.request_stop(); };
    CHECK(error_of([&] { waits.wait(); }).kind == ErrorKind::stopped);
    CHECK(waits.fake.clock.slept.size() == 1);
}
