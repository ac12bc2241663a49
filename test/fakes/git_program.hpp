#pragma once

#include "common/processes/process.hpp"

#include <chrono>
#include <filesystem>
#include <stdexcept>
#include <string>

namespace bootwright {

/// Runs a shell script with the `git` program in `folder`, with nothing of the machine's own configuration; returns the
/// last line that it printed.
inline std::string shell_with_git(const std::filesystem::path& folder, const std::string& script) {
    SystemProcessRunner runner;
    const ProcessRequest request{.arguments = {"/bin/sh", "-ec", "cd '" + folder.string() + "'\n" + script},
                                 .environment = {{"PATH", "/usr/local/bin:/usr/bin:/bin"},
                                                 {"HOME", folder.string()},
                                                 {"LC_ALL", "C.UTF-8"},
                                                 {"GIT_CONFIG_NOSYSTEM", "1"},
                                                 {"GIT_AUTHOR_NAME", "a"},
                                                 {"GIT_AUTHOR_EMAIL", "a@example.com"},
                                                 {"GIT_COMMITTER_NAME", "a"},
                                                 {"GIT_COMMITTER_EMAIL", "a@example.com"},
                                                 {"GIT_AUTHOR_DATE", "2026-11-22T12:00:00Z"},
                                                 {"GIT_COMMITTER_DATE", "2026-11-22T12:00:00Z"}},
                                 .timeout = std::chrono::minutes(1)};
    std::string last;
    std::string errors;
    const ProcessEvents events{.line = [&](std::string_view line) { last = line; },
                               .error_line = [&](std::string_view line) { errors.append(line).append("\n"); }};
    const ProcessResult result = runner.run(request, events, {});
    if (result.end != ProcessResult::End::exited || result.exit_code != 0) {
        throw std::runtime_error("this script failed:\n" + script + "\n" + errors);
    }
    return last;
}

}  // namespace bootwright
