#include "agent/record/past_packages.hpp"

#include "agent/record/history.hpp"
#include "agent/record/past.hpp"
#include "agent/record/past_contents.hpp"
#include "test/fakes/fake_system.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <algorithm>
#include <filesystem>
#include <string>

using namespace bootwright;

namespace {

constexpr const char* status_file = "/var/lib/dpkg/status";
constexpr const char* note = "/var/lib/bootwright/past/packages.json";

/// A machine with a hundred packages, of which dpkg has an upgrade now and then.
struct Upgraded {
    Upgraded() {
        for (int i = 0; i < 100; ++i) {
            packages["library-" + std::to_string(i)] = "1.0";
        }
        packages["libsecret-token"] = "1.0";  // a name as those of secrets are
        install();
    }

    /// As dpkg does it: a new file under the old name.
    void install() const {
        std::string text;
        for (const auto& [name, version] : packages) {
            text +=
                "Package: " + name + "\nStatus: install ok installed\nArchitecture: all\nVersion: " + version + "\n\n";
        }
        fake.root.write(std::string(status_file) + "-new", text);
        std::filesystem::rename(fake.root.path(std::string(status_file) + "-new"), fake.root.path(status_file));
    }

    Json upgrade(const std::string& package, const std::string& version) {
        packages[package] = version;
        install();
        return keep_packages(fake.system);
    }

    Json remember(int number) const {
        RunReport report;
        report.number = number;
        report.finished = report.started;
        keep_report(fake.system, report);
        remember_runs(fake.system);
        const auto line = Past(fake.system).run(number);
        REQUIRE(line);
        return *line;
    }

    [[nodiscard]] std::size_t files() const {
        const std::filesystem::directory_iterator all(fake.root.path("/var/lib/bootwright/past"));
        return static_cast<std::size_t>(
            std::count_if(begin(all), end(all), [](const auto& entry) { return entry.path().extension() == ".gz"; }));
    }

    FakeSystem fake{};
    Packages packages{};
};

std::string whole_in(const Json& line) { return string_at(member_at(line, "kept"), "packages"); }
std::string changes_in(const Json& line) { return string_at(member_at(line, "kept"), "package_changes"); }

}  // namespace

TEST_CASE("a run's line says how many packages there were, and names the list, which is kept once") {
    Upgraded machine;
    const Json first = machine.remember(1);
    CHECK(first.at("packages").at("count") == 101);
    CHECK(first.at("packages").at("digest").get<std::string>().size() == 16);
    CHECK(read_packages(machine.fake.system, first) == machine.packages);
    machine.install();  // the same, in another file
    const Json second = machine.remember(2);
    CHECK(second.at("packages") == first.at("packages"));
    CHECK(second.at("kept") == first.at("kept"));
    CHECK(machine.files() == 1);
    CHECK(machine.fake.root.mode(note) == 0600);
}

TEST_CASE("an upgrade is kept as what differs from a whole list") {
    Upgraded machine;
    const Json first = keep_packages(machine.fake.system);
    CHECK(changes_in(first).empty());
    machine.packages.erase("library-7");
    machine.packages["tree"] = "2.1.0-1";
    const Json second = machine.upgrade("library-3", "1.1");
    CHECK(whole_in(second) == whole_in(first));
    CHECK_FALSE(changes_in(second).empty());
    CHECK(second.at("packages") != first.at("packages"));
    CHECK(read_packages(machine.fake.system, second) == machine.packages);
    CHECK(read_packages(machine.fake.system, first)->at("library-3") == "1.0");
    machine.packages.erase("tree");
    machine.packages["library-7"] = "1.0";
    CHECK(machine.upgrade("library-3", "1.0") == first);  // back to what is kept as a whole
}

TEST_CASE("a new list is kept as a whole once many packages differ") {
    Upgraded machine;
    const Json first = keep_packages(machine.fake.system);
    Json last;
    for (int i = 0; i < 7; ++i) {
        last = machine.upgrade("library-" + std::to_string(i), "1.1");
        CHECK((whole_in(last) == whole_in(first)) == (i < 6));
        CHECK(read_packages(machine.fake.system, last) == machine.packages);
    }
    CHECK(changes_in(last).empty());
}

TEST_CASE("while dpkg has changed nothing, its database is not read again") {
    Upgraded machine;
    const Json first = keep_packages(machine.fake.system);
    const auto note_before = machine.fake.root.read(note);
    // A note that nobody can have made of that database shows that it was believed.
    Json changed = Json::parse(note_before);
    changed["line"]["packages"]["count"] = 7;
    machine.fake.root.write(note, changed.dump(), 0600);
    CHECK(keep_packages(machine.fake.system).at("packages").at("count") == 7);
    machine.install();
    CHECK(keep_packages(machine.fake.system).at("packages").at("count") == 101);
}

TEST_CASE("a note or list that is damaged, lost, or of a later version is made again") {
    Upgraded machine;
    const Json first = keep_packages(machine.fake.system);
    Json later = Json::parse(machine.fake.root.read(note));
    later["schema"] = 2;
    const auto damage =
        GENERATE_COPY(later.dump(), std::string("{"), std::string("[]"), std::string(), std::string("no list"));
    if (damage == "no list") {
        machine.fake.root.remove("/var/lib/bootwright/past/" + whole_in(first) + ".json.gz");
    } else {
        machine.fake.root.write(note, damage, 0600);
    }
    const Json again = keep_packages(machine.fake.system);
    CHECK(again == first);
    CHECK(read_packages(machine.fake.system, again) == machine.packages);
}

TEST_CASE("changes of a list that is gone are not kept any more") {
    Upgraded machine;
    keep_packages(machine.fake.system);
    const Json line = machine.upgrade("library-3", "1.1");
    const std::string lost = GENERATE_COPY(whole_in(line), changes_in(line));
    machine.fake.root.write("/var/lib/bootwright/past/" + lost + ".json.gz", "damaged");
    CHECK_FALSE(read_packages(machine.fake.system, line));
}

TEST_CASE("what a run of an older agent, or one that was cut off, had installed is not known") {
    Upgraded machine;
    RunReport older;
    older.number = 1;
    keep_report(machine.fake.system, older);
    machine.fake.root.make_folder("/var/lib/bootwright/runs/000002");
    const Json last = machine.remember(3);
    CHECK(last.at("packages").at("count") == 101);
    for (const int number : {1, 2}) {
        const Json line = Past(machine.fake.system).run(number).value_or(Json());
        CHECK(line.at("packages").is_null());
        CHECK_FALSE(read_packages(machine.fake.system, line));
    }
    CHECK_FALSE(read_packages(machine.fake.system, Json{{"schema", 1}, {"run", 41}}));
}

TEST_CASE("no package is not the same as not known") {
    const FakeSystem fake;
    CHECK(keep_packages(fake.system).is_null());
    fake.root.write(status_file, "");
    const Json line = keep_packages(fake.system);
    CHECK(line.at("packages").at("count") == 0);
    CHECK(read_packages(fake.system, line) == Packages{});
}

TEST_CASE("a list that later runs' changes are made of outlives its own run") {
    Upgraded machine;
    machine.remember(1);
    Json last;
    for (const int number : {2, 3}) {
        machine.packages["library-3"] = "1." + std::to_string(number);
        machine.install();
        last = machine.remember(number);
    }
    // Room for the list and one of the two changes.
    const auto size = [&](const std::string& name) {
        return std::filesystem::file_size(machine.fake.root.path("/var/lib/bootwright/past/" + name + ".json.gz"));
    };
    const std::uint64_t room = size(whole_in(last)) + size(changes_in(last)) + 10;
    remember_runs(machine.fake.system, {.lines = 1 << 20U, .contents = room * 4 / 3 + 1});
    CHECK(read_packages(machine.fake.system, last));
}
