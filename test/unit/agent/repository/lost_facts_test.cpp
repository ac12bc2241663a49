#include "agent/repository/lost_facts.hpp"

#include "test/fakes/temporary_root.hpp"

#include <catch2/catch_test_macros.hpp>

#include <filesystem>

using namespace bootwright;
namespace fs = std::filesystem;

TEST_CASE("the external facts that are programs are found, wherever their module stands") {
    const TemporaryRoot root;
    const auto make = [&](const std::string& path, bool may_run) {
        root.write(path, "x");
        fs::permissions(root.path(path), fs::perms(may_run ? 0755 : 0644));
    };
    make("/modules/m/facts.d/a.sh", true);
    make("/site-modules/m/facts.d/b", true);
    make("/environments/e/modules/m/facts.d/c.py", true);
    make("/modules/m/facts.d/d.yaml", true);
    make("/modules/m/facts.d/e.txt", true);
    make("/modules/m/facts.d/f.json", true);
    make("/modules/m/facts.d/g.sh", false);
    make("/modules/m/facts.d/deeper/h.sh", true);
    make("/modules/m/files/i.sh", true);
    CHECK(programs_of_facts(root.path()) == std::vector<std::string>{"environments/e/modules/m/facts.d/c.py",
                                                                     "modules/m/facts.d/a.sh",
                                                                     "site-modules/m/facts.d/b"});
    CHECK(programs_of_facts(root.path() / "nowhere").empty());
    CHECK_FALSE(warning_of_lost_facts(root.path() / "nowhere"));
}
