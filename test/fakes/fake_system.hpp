#pragma once

#include "agent/system.hpp"
#include "test/fakes/fake_clock.hpp"
#include "test/fakes/fake_http.hpp"
#include "test/fakes/fake_processes.hpp"
#include "test/fakes/temporary_root.hpp"

namespace bootwright {

/// A machine of fakes that has booted: an empty root with a boot id, a machine-id and a kernel command line.
struct FakeSystem {
    FakeSystem() {
        root.write("/proc/sys/kernel/random/boot_id", "b0071d00-0000-4000-8000-000000000001\n");
        root.write("/proc/cmdline", "BOOT_IMAGE=/vmlinuz root=/dev/vda1 ro quiet\n");
        root.write("/etc/machine-id", "0123456789abcdef0123456789abcdef\n");
        root.write("/etc/hostname", "web-1\n");
    }
    FakeSystem(const FakeSystem&) = delete;
    FakeSystem& operator=(const FakeSystem&) = delete;
    ~FakeSystem() = default;

    TemporaryRoot root{};
    FakeHttp http{};
    FakeProcesses processes{};
    FakeClock clock{};
    double random = 0.5;  ///< every random number
    System system{.http = http,
                  .processes = processes,
                  .clock = clock,
                  .random = [this] { return random; },
                  .root = root.path(),
                  .fetch_program = "/usr/lib/bootwright/bootwright-fetch",
                  .environment = {}};
};

}  // namespace bootwright
