#include "agent/record/status_file.hpp"
#include "common/processes/process_tree.hpp"
#include "test/fakes/examined.hpp"
#include "test/fakes/fake_system.hpp"

#include <catch2/catch_test_macros.hpp>

#include <unistd.h>

#include <filesystem>

using namespace bootwright;
namespace fs = std::filesystem;

namespace {

Json process(const ProcessId& id) { return {{"pid", id.pid}, {"pid_start", id.start_ticks}}; }

std::string after(const FakeSystem& fake, Json run) {
    StatusFile(fake.system).update([&](Json& status) { status["run"] = std::move(run); });
    const auto findings = examined(fake.system, "leftovers");
    CHECK(all_have_advice(findings));
    return in_lines({findings.front()});
}

void make_old(const fs::path& file) {
    fs::last_write_time(file, fs::file_time_type::clock::now() - std::chrono::hours(1));
}

}  // namespace

TEST_CASE("a run that was cut off is told apart from one that is under way") {
    const FakeSystem fake;
    const ProcessId alive = identify_process(getpid()).value();
    const ProcessId dead{alive.pid, alive.start_ticks + 1};
    Json run = process(alive);
    run.update({{"number", 7}, {"state", "running"}, {"child", process(dead)}});
    CHECK(after(fake, run) == "good: run 7 is under way\n");
    run.update(process(dead));
    CHECK(after(fake, run) == "bad: run 7 was cut off: its agent is gone\n");
    run["child"] = process(alive);
    CHECK(after(fake, run).find("which it started, still works") != std::string::npos);
    run["state"] = "finished";
    CHECK(after(fake, run) == "good: no run is under way, and none was cut off\n");
}

TEST_CASE("files of a killed writer are found, and those of a writer at work are not") {
    const FakeSystem fake;
    fake.root.write("/var/lib/bootwright/instance.json.tmp12", "{");
    fake.root.write("/var/lib/bootwright/runs/000003/report.json.tmp77", "{");
    fake.root.write("/var/lib/bootwright/checkout/some.tmp5/file.tmp9", "the repository's own");
    fake.root.write("/var/lib/bootwright/history.jsonl.tmp13", "{");
    for (const char* old : {"instance.json.tmp12", "runs/000003/report.json.tmp77", "checkout/some.tmp5/file.tmp9"}) {
        make_old(fake.root.path("/var/lib/bootwright") / old);
    }
    const Finding finding = examined(fake.system, "leftovers").at(1);
    CHECK(finding.what.find("2 temporary files of a killed agent, such as ") == 0);
    CHECK(finding.what.ends_with("/var/lib/bootwright/instance.json.tmp12"));
    CHECK(fake.root.exists("/var/lib/bootwright/instance.json.tmp12"));
}

TEST_CASE("a repository that was set aside is found") {
    const FakeSystem fake;
    CHECK(examined(fake.system, "leftovers").at(2).state == Finding::State::good);
    fake.root.make_folder("/var/lib/bootwright/repository/control-1234.git.damaged");
    CHECK(examined(fake.system, "leftovers").at(2).state == Finding::State::bad);
}
