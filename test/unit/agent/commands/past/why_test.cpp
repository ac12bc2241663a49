#include "agent/record/history.hpp"
#include "agent/record/past.hpp"
#include "common/base/encoding.hpp"
#include "common/base/error.hpp"
#include "common/documents/json.hpp"
#include "test/fakes/errors.hpp"
#include "test/fakes/fake_system.hpp"
#include "test/fakes/printed.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;

namespace {

void remember(const FakeSystem& fake, int number, const std::string& catalog) {
    const std::string folder = "/var/lib/bootwright/runs/00000" + std::to_string(number);
    if (!catalog.empty()) {
        fake.root.write(folder + "/catalog.json.gz", compress_gzip(catalog));
    }
    RunReport report;
    report.number = number;
    report.started.wall = std::chrono::sys_days(std::chrono::year(2026) / 3 / number);
    report.finished = Instant{report.started.wall, {}};
    keep_report(fake.system, report);
    remember_runs(fake.system);
}

std::string catalog_with(const std::string& mode) {
    return R"({"resources": [{"type": "File", "title": "/m", "file": "m.pp", "line": 3,
                "parameters": {"mode": ")" +
           mode + R"(", "require": ["Package[a]", "Package[b]"], "notify": "Service[s]"}}],
            "edges": [["Stage[main]", "Class[Role]"], ["Class[Role]", "Class[Base]"], ["Class[Base]", "File[/m]"]]})";
}

std::string printed(const FakeSystem& fake, const std::map<std::string, std::string>& given) {
    return printed_by(fake.system, "why", given);
}

}  // namespace

TEST_CASE("why a resource is there: where it is declared, what it is within and needs, since when it is so") {
    const FakeSystem fake;
    remember(fake, 1, R"({"resources": []})");
    remember(fake, 2, catalog_with("0644"));
    remember(fake, 3, catalog_with("0600"));
    remember(fake, 4, "");  // it did not compile
    remember(fake, 5, catalog_with("0600"));
    CHECK(printed(fake, {{"RESOURCE", "File[/m]"}}) ==
          "File[/m], in the catalog of run 5\n"
          "  declared    m.pp:3\n"
          "  within      Class[Base]\n"
          "  within      Class[Role]\n"
          "  within      Stage[main]\n"
          "  relation    require: Package[a], Package[b]\n"
          "  relation    notify: Service[s]\n"
          "  since       run 3, 2026-03-03T00:00:00.000Z\n"
          "  changed     2 times in the 4 runs whose catalogs are kept\n");
    const Json found = Json::parse(printed(fake, {{"RESOURCE", "File[/m]"}, {"--run", "2"}, {"--json", ""}}));
    CHECK(found.at("run") == 2);
    CHECK(found.at("contained_in").size() == 3);
}

TEST_CASE("a resource or a catalog that is not there is told so") {
    const FakeSystem fake;
    const auto why = [&](const std::map<std::string, std::string>& given) {
        return error_of([&] { return run_command(fake.system, "why", given); });
    };
    CHECK(why({{"RESOURCE", "File[/m]"}}).code == "history.no_such_run");
    remember(fake, 1, catalog_with("0644"));
    remember(fake, 2, "");
    const Error error = why({{"RESOURCE", "File[/n]"}, {"--run", "1"}});
    CHECK(error.code == "why.no_such_resource");
    CHECK(error.advice == "did you mean File[/m]?");
    CHECK(why({{"RESOURCE", "File[/m]"}, {"--run", "2"}}).code == "why.no_catalog");
}

TEST_CASE("containers that contain each other come to an end") {
    const FakeSystem fake;
    remember(
        fake, 1,
        R"({"resources": [{"type": "A", "title": "a"}], "edges": [["A[a]", "B[b]"], ["B[b]", "A[a]"], 3, ["x"]]})");
    CHECK(printed(fake, {{"RESOURCE", "A[a]"}}).size() < 5000);
}
