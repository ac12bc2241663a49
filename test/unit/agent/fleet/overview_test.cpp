#include "agent/fleet/overview.hpp"

#include "agent/fleet/table.hpp"
#include "test/fakes/captured_output.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

using namespace bootwright;

namespace {

const std::string old_revision(40, '1');
const std::string new_revision(40, '2');
constexpr std::chrono::system_clock::time_point asked(std::chrono::milliseconds(1795383092123));

Machine good(const std::string& host, const std::string& revision, const char* role = "web") {
    return {host,
            MachineState::good,
            {{"role", role},
             {"asked", "main"},
             {"revision", revision},
             {"tried", revision},
             {"region", "eu-1"},
             {"ended", "2026-11-22T21:31:32.123Z"}}};
}

Machine failed(const std::string& host, const char* resource) {
    Machine machine = good(host, old_revision);
    machine.state = MachineState::failed;
    machine.said["tried"] = new_revision;
    machine.said["error"] = {{"code", "puppet.resources_failed"}, {"message", "1 resource failed"}};
    machine.said["failed_resources"] = {{{"resource", resource}, {"message", "no such package"}}};
    return machine;
}

Machine unreachable(const std::string& host) {
    return machine_without_answer(host, MachineState::unreachable,
                                  transient_error("fleet.timeout", "no answer", "look"));
}

std::vector<Machine> a_fleet() {
    std::vector<Machine> machines{good("web-1", old_revision), failed("web-9", "Package[a]"), unreachable("db-1"),
                                  failed("web-8", "Package[a]"), failed("web-7", "File[/b]")};
    for (int i = 2; i < 7; ++i) {
        machines.push_back(good("web-" + std::to_string(i), i == 5 ? new_revision : old_revision));
    }
    return machines;
}

std::vector<std::string> hosts_of(const Json& overview) {
    std::vector<std::string> hosts;
    for (const Json& row : overview.at("machines")) {
        hosts.push_back(row.at("host"));
    }
    return hosts;
}

std::string printed(const Json& overview, bool lists_all) {
    const CapturedOutput output;
    print_overview(overview, lists_all);
    return output.text();
}

}  // namespace

TEST_CASE("a fleet is sorted by what needs attention, and counted") {
    const Json overview = overview_of(a_fleet(), asked);
    CHECK(hosts_of(overview) == std::vector<std::string>{"web-7", "web-8", "web-9", "db-1", "web-5", "web-1", "web-2",
                                                         "web-3", "web-4", "web-6"});
    CHECK(overview.at("counts") == Json{{"failed", 3}, {"unreachable", 1}, {"differs", 1}, {"good", 5}});
    CHECK(overview.at("asked") == "2026-11-22T21:31:32.123Z");
    CHECK(overview.at("machines").at(3).at("needs_attention") == true);
    CHECK(overview.at("machines").at(4).at("needs_attention") == false);
    CHECK(overview.at("errors") ==
          Json::array({{{"code", "puppet.resources_failed"}, {"machines", 3}, {"such_as", {"web-7", "web-8", "web-9"}}},
                       {{"code", "fleet.timeout"}, {"machines", 1}, {"such_as", {"db-1"}}}}));
}

TEST_CASE("what the failed have in common is what they have more often than the others") {
    const Json lines = overview_of(a_fleet(), asked).at("in_common");
    REQUIRE(lines.size() == 3);
    CHECK(lines.at(0) == Json{{"what", "error"},
                              {"value", "puppet.resources_failed"},
                              {"machines", 3},
                              {"of_failed", 3},
                              {"others", 0},
                              {"of_others", 6},
                              {"such_as", {"web-7", "web-8", "web-9"}}});
    CHECK(lines.at(1).at("what") == "tried");  // as one of the good ones: the region of all is none
    CHECK(lines.at(1).at("others") == 1);
    CHECK(lines.at(2).at("value") == "Package[a]");
}

TEST_CASE("a single failed machine has nothing in common with itself") {
    CHECK(overview_of({failed("a", "Package[a]"), good("b", old_revision)}, asked).at("in_common").empty());
    CHECK(overview_of({}, asked).at("in_common").empty());
}

TEST_CASE("where all have failed, what all have is what they have in common") {
    const Json lines = overview_of({failed("a", "Package[a]"), failed("b", "Package[b]")}, asked).at("in_common");
    CHECK(lines.size() == 4);  // error, region, role, revision
}

TEST_CASE("a good machine differs if more of its role are at another revision") {
    const auto state_of = [](std::vector<Machine> machines) {
        return overview_of(std::move(machines), asked).at("machines").at(0).at("state");
    };
    CHECK(state_of({good("a", old_revision), good("b", old_revision), good("c", new_revision)}) == "differs");
    CHECK(state_of({good("a", old_revision), good("b", new_revision)}) == "differs");
    CHECK(state_of({good("a", old_revision), good("b", new_revision, "db")}) == "good");
    CHECK(state_of({good("a", old_revision)}) == "good");
}

TEST_CASE("a fleet for people") {
    CHECK(printed(overview_of(a_fleet(), asked), false) ==
          "10 machines: 3 failed, 1 unreachable, 1 differs, 5 good\n"
          "\n"
          "MACHINE   STATE        ROLE  REVISION      LAST RUN (UTC)\n"
          "web-7     failed       web   222222222222  2026-11-22 21:31\n"
          "    puppet.resources_failed: 1 resource failed\n"
          "    File[/b]: no such package\n"
          "web-8     failed       web   222222222222  2026-11-22 21:31\n"
          "    puppet.resources_failed: 1 resource failed\n"
          "    Package[a]: no such package\n"
          "web-9     failed       web   222222222222  2026-11-22 21:31\n"
          "    puppet.resources_failed: 1 resource failed\n"
          "    Package[a]: no such package\n"
          "db-1      unreachable  -     -             -\n"
          "    fleet.timeout: no answer\n"
          "web-5     differs      web   222222222222  2026-11-22 21:31\n"
          "    most machines that were asked for the same are at another revision\n"
          "\n"
          "Errors\n"
          "  3 puppet.resources_failed (web-7, web-8, web-9)\n"
          "  1 fleet.timeout (db-1)\n"
          "\n"
          "What the failed have in common\n"
          "  3 of 3 failed, 0 of 6 others: error puppet.resources_failed\n"
          "  3 of 3 failed, 1 of 6 others: tried 2222222222222222222222222222222222222222\n"
          "  2 of 3 failed, 0 of 6 others: failed resource Package[a]\n"
          "\n"
          "Revisions of the good ones\n"
          "  web asked for main is at 111111111111 on 5 machines (web-1, web-2, web-3, web-4, web-6)\n"
          "  web asked for main is at 222222222222 on 1 machine (web-5)\n");
    const Json all_good = overview_of({good("a", old_revision)}, asked);
    CHECK(printed(all_good, false).find("MACHINE") == std::string::npos);
    CHECK(printed(all_good, true).find("a         good         web   111111111111  2026-11-22 21:31\n") !=
          std::string::npos);
}

TEST_CASE("a machine without an error still says why it is listed") {
    struct Row {
        MachineState state;
        const char* what;
    };
    const Row row = GENERATE(values<Row>({
        {MachineState::failed, "its last run was cut off, or another is under way after one that failed"},
        {MachineState::silent, "no sign of life from its daemon since 2026-11-22T21:00:00.000Z"},
        {MachineState::not_running, "nothing has run since it booted, and no agent runs"},
        {MachineState::not_yet, "in stage puppet"},
    }));
    Machine machine = good("a", old_revision);
    machine.state = row.state;
    machine.said["stage"] = "puppet";
    machine.said["heartbeat"] = "2026-11-22T21:00:00.000Z";
    CHECK(overview_of({machine}, asked).at("machines").at(0).at("what") == row.what);
    CHECK(overview_of({good("a", old_revision)}, asked).at("machines").at(0).at("what").is_null());
}

TEST_CASE("what changes from one look at the fleet to the next is said of each machine") {
    const Json before = overview_of({good("a", old_revision), good("b", old_revision)}, asked);
    const Json after = overview_of({good("a", old_revision), failed("b", "Package[a]"), unreachable("c")}, asked);
    CHECK(changes_between(before, before).empty());
    CHECK(changes_between(before, after) ==
          std::vector<std::string>{"b: good at 111111111111 → failed (puppet.resources_failed) at 111111111111",
                                   "c: unreachable (fleet.timeout)"});
}
