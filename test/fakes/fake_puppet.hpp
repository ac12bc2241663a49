#pragma once

#include "common/processes/process.hpp"
#include "test/fakes/fake_processes.hpp"

#include <string>
#include <string_view>

namespace bootwright {

/// The value of "--NAME=value" among the arguments, or "".
std::string option_of(const ProcessRequest& request, std::string_view name);

/// Leaves what the real Puppet of test/fixtures/puppet/NAME left, where this one was told to write.
void leave_traces(const std::string& name, const ProcessRequest& request);

/// A Puppet that does what the recorded one did, and exits as it did.
FakeProcesses::Script recorded_puppet(const std::string& name);

}  // namespace bootwright
