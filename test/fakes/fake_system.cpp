#include "test/fakes/fake_system.hpp"

namespace bootwright {

FakeSystem::FakeSystem() {
    root.write("/proc/sys/kernel/random/boot_id", "b0071d00-0000-4000-8000-000000000001\n");
    root.write("/proc/cmdline", "BOOT_IMAGE=/vmlinuz root=/dev/vda1 ro quiet\n");
    root.write("/etc/machine-id", "0123456789abcdef0123456789abcdef\n");
    root.write("/etc/hostname", "web-1\n");
}

FakeSystem::~FakeSystem() = default;

}  // namespace bootwright
