#include "agent/record/run_places.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <vector>

using namespace bootwright;

namespace {

std::vector<std::string> kept(const RunReport& report) {
    std::vector<std::string> places;
    for (const PlaceAnswer& answer : report.places) {
        places.push_back(answer.place);
    }
    return places;
}

}  // namespace

TEST_CASE("who gave the control repository is kept, whatever modules and other repositories say after it") {
    RunReport report;
    add_answer(report, {"https://control/x", "gave it", 1});
    for (int i = 0; i < 50; ++i) {
        const std::string name = std::to_string(i);
        add_answer(report, {"https://other/" + name, "gave it", 1, "", "repositories/" + name});
        add_answer(report, {"https://away/" + name, "nobody answers", 1, "modules/" + name});
        add_answer(report, {"https://down/x", "not now, " + name, 1});
    }
    REQUIRE(report.places.size() == 20);
    CHECK(kept(report).front() == "https://control/x");
    CHECK(report.places.back().said == "not now, 49");
}

TEST_CASE("of the places that gave modules, each server is counted, and no other is forgotten") {
    RunReport report;
    add_answer(report, {"https://control/x", "gave it", 1});
    add_answer(report, {"https://away/ntp", "nobody answers", 1, "modules/ntp"});
    for (int i = 0; i < 38; ++i) {
        add_answer(report, {"https://forge.example.com:8443/" + std::to_string(i), "gave it", 1, "modules/m"});
    }
    add_answer(report, {"ssh://git.example.com/ntp.git", "gave it", 1, "modules/ntp"});
    add_answer(report, {"file:///srv/a.git", "gave it", 1, "modules/a"});
    add_answer(report, {"/srv/seed.git", "gave it, as no place answered", 0, "modules/b"});
    CHECK(kept(report) == std::vector<std::string>{"https://control/x", "https://away/ntp"});
    CHECK(report.modules_from ==
          std::map<std::string, int>{{"", 2}, {"forge.example.com:8443", 38}, {"git.example.com", 1}});
}

TEST_CASE("of servers beyond the twentieth the modules are counted together") {
    RunReport report;
    for (int i = 0; i < 30; ++i) {
        add_answer(report, {"https://server" + std::to_string(i) + "/m", "gave it", 1, "modules/m"});
    }
    add_answer(report, {"https://server3/m", "gave it", 1, "modules/n"});
    CHECK(report.modules_from.size() == 21);
    CHECK(report.modules_from.at("server3") == 2);
    CHECK(report.modules_from.at("others") == 10);
}

TEST_CASE("what a place says again at the next attempt is kept once") {
    RunReport report;
    for (int i = 0; i < 3; ++i) {
        add_answer(report, {"https://away/x", "nobody answers", static_cast<double>(i)});
        add_answer(report, {"https://away/x", "nobody answers", 1, "modules/ntp"});
    }
    CHECK(report.places.size() == 2);
    CHECK(report.places.front().seconds == 2);
}

TEST_CASE("twenty places that gave the control repository leave the last of them") {
    RunReport report;
    for (int i = 0; i < 21; ++i) {
        add_answer(report, {"https://h/" + std::to_string(i), "gave it", 1});
    }
    CHECK(kept(report).front() == "https://h/1");
    CHECK(kept(report).back() == "https://h/20");
}
