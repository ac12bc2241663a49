#pragma once

#include "agent/config/system.hpp"
#include "test/fakes/fake_clock.hpp"
#include "test/fakes/fake_http.hpp"
#include "test/fakes/fake_processes.hpp"
#include "test/fakes/temporary_root.hpp"

namespace bootwright {

/// A machine of fakes that has booted: an empty root with a boot id, a machine-id and a kernel command line.
struct FakeSystem {
    FakeSystem();
    FakeSystem(const FakeSystem&) = delete;
    FakeSystem& operator=(const FakeSystem&) = delete;
    ~FakeSystem();

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
                  .ruby_folder = "/usr/lib/bootwright/ruby",
                  .environment = {}};
};

}  // namespace bootwright
