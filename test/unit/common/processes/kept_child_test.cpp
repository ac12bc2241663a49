#include "common/processes/kept_child.hpp"

#include "test/fakes/temporary_root.hpp"

#include <catch2/catch_test_macros.hpp>

#include <fcntl.h>

#include <stdexcept>

using namespace bootwright;

TEST_CASE("a program whose preparation fails is never started") {
    const TemporaryRoot root;
    const UniqueFd nothing(open("/dev/null", O_RDWR | O_CLOEXEC));
    const ProcessRequest request{.arguments = {"/usr/bin/touch", root.path("/started").string()}, .environment = {}};
    const auto fail = [](pid_t) { throw std::runtime_error("cannot prepare"); };
    CHECK_THROWS_AS(KeptChild(request, nothing.get(), nothing.get(), nothing.get(), nullptr, fail), std::runtime_error);
    CHECK_FALSE(root.exists("/started"));
}
