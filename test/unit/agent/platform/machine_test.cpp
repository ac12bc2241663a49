#include "agent/platform/machine.hpp"

#include "test/fakes/errors.hpp"
#include "test/fakes/fake_system.hpp"

#include <catch2/catch_test_macros.hpp>

#include <optional>
#include <string>

using namespace bootwright;

TEST_CASE("a parameter of the kernel is a whole word") {
    FakeSystem fake;
    fake.root.write("/proc/cmdline", "xds=1 ds  noequals ds=nocloud;s=http://h/?a=b empty= ds2=2\n");
    CHECK(kernel_parameter(fake.system, "ds") == "nocloud;s=http://h/?a=b");
    CHECK(kernel_parameter(fake.system, "empty") == "");
    CHECK(kernel_parameter(fake.system, "noequals") == std::nullopt);
    CHECK(kernel_parameter(fake.system, "s") == std::nullopt);
    fake.root.remove("/proc/cmdline");
    CHECK(kernel_parameter(fake.system, "ds") == std::nullopt);
}

TEST_CASE("a quoted parameter of the kernel is read without its quotes") {
    // As the boot loader's configuration writes one with a semicolon, and as the kernel shows it in /proc/cmdline.
    FakeSystem fake;
    fake.root.write("/proc/cmdline", "quiet ds=\"nocloud;s=http://h/\" ro\n");
    CHECK(kernel_parameter(fake.system, "ds") == "nocloud;s=http://h/");
    fake.root.write("/proc/cmdline", "quiet \"ds=nocloud;s=http://h/\" ro\n");
    CHECK(kernel_parameter(fake.system, "ds") == "nocloud;s=http://h/");
}

TEST_CASE("a small value is trimmed, and what cannot be read is not there") {
    FakeSystem fake;
    fake.root.write("/value", "  Amazon EC2 \n\n");
    fake.root.write("/large", std::string(5000, 'x'));
    fake.root.make_folder("/folder");
    CHECK(read_value(fake.system, "/value") == "Amazon EC2");
    CHECK(read_value(fake.system, "/absent") == std::nullopt);
    CHECK(read_value(fake.system, "/large") == std::nullopt);
    CHECK(read_value(fake.system, "/folder") == std::nullopt);
}

TEST_CASE("a machine without a machine-id has no identity yet") {
    FakeSystem fake;
    CHECK(machine_id(fake.system) == "0123456789abcdef0123456789abcdef");
    for (const char* content : {"", "\n", "uninitialized\n"}) {
        fake.root.write("/etc/machine-id", content);
        const Error error = error_of([&] { return machine_id(fake.system); });
        CHECK(error.code == "platform.no_identity");
        CHECK(error.kind == ErrorKind::transient);
    }
    fake.root.remove("/etc/machine-id");
    CHECK(error_of([&] { return machine_id(fake.system); }).code == "platform.no_identity");
}
