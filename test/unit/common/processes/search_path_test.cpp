#include "common/processes/search_path.hpp"

#include "test/fakes/temporary_root.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;

TEST_CASE("a program is the one of the first folder that has it") {
    const TemporaryRoot root;
    root.write("/usr/bin/tool", "");
    root.write("/opt/bin/tool", "");
    CHECK(find_program("tool", "/sbin:/opt/bin:/usr/bin", root.path()) == "/opt/bin/tool");
    CHECK(find_program("tool", "::bin:/usr/bin", root.path()) == "/usr/bin/tool");  // never one beside the caller
    CHECK_FALSE(find_program("tool", "/sbin:", root.path()));
    CHECK_FALSE(find_program("tool", "", root.path()));
}
