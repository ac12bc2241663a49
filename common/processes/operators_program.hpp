#pragma once

#include "common/processes/process.hpp"

#include <chrono>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace bootwright {

/// How a program ended that the image or an operator has the agent run as root: a health check, a hook.
struct ProgramAnswer {
    ProcessResult result{};
    std::string output{};  ///< the end of both streams: far more than is shown, so that a secret in it is found whole

    [[nodiscard]] bool is_good() const { return result.end == ProcessResult::End::exited && result.exit_code == 0; }
};

/// Runs it with an environment of its own (PATH, HOME, LC_ALL), and ends all that it has started, daemons too.
/// @param limit from start to exit @throws Error process.*
ProgramAnswer run_operators_program(ProcessRunner& processes, const std::vector<std::string>& command,
                                    const std::string& input, std::chrono::milliseconds limit,
                                    const std::function<void(ProcessId)>& started, std::stop_token stop);

/// In a line: "exit status 1: the end of what it said". @param output of the answer, without secrets
std::string said_by(const ProgramAnswer& answer, std::string_view output, std::chrono::milliseconds limit);

}  // namespace bootwright
