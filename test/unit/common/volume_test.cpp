#include "common/volume.hpp"

#include "common/error.hpp"
#include "test/fakes/errors.hpp"
#include "test/fakes/temporary_root.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;

// A real volume needs a block device, and a kernel that can read it: test/boot/test_cidata.py has both.

TEST_CASE("a device that holds no file system, or is not there, is an error that may pass") {
    const TemporaryRoot root;
    root.write("/cidata", std::string(65536, '\0'));
    for (const auto& device : {root.path() / "cidata", root.path() / "absent", root.path()}) {
        CAPTURE(device);
        const Error error = error_of([&] { return Volume::open(device); });
        CHECK(error.code == "volume.unreadable");
        CHECK(error.kind == ErrorKind::transient);
        CHECK(error.message.find(device.string()) != std::string::npos);
    }
}
