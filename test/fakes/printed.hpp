#pragma once

#include "test/fakes/captured_output.hpp"
#include "test/fakes/run_command.hpp"

#include <catch2/catch_test_macros.hpp>

#include <map>
#include <string>

namespace bootwright {

/// Runs a command, which has to end well, and returns what it printed. @param given its options, "" for a flag
inline std::string printed_by(const System& system, const std::string& name,
                              const std::map<std::string, std::string>& given = {}) {
    const CapturedOutput output;
    CHECK(run_command(system, name, given) == exit_ok);
    return output.text();
}

}  // namespace bootwright
