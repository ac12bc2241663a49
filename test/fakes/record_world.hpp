#pragma once

#include "agent/record/run_record.hpp"
#include "agent/record/status_file.hpp"
#include "test/fakes/fake_system.hpp"

namespace bootwright {

/// A run that has just begun, and what the status says of it.
struct RecordWorld {
    FakeSystem fake{};
    RunRecord record{fake.system, 42};
    [[nodiscard]] Json status() const { return StatusFile(fake.system).read(); }
    [[nodiscard]] Json run() const { return status().at("run"); }
};

}  // namespace bootwright
