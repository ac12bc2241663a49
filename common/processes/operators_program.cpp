#include "common/processes/operators_program.hpp"

#include "common/base/clock.hpp"
#include "common/base/text.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace bootwright {

namespace {

/// The end of a program's output counts.
void keep_end(std::string& output, std::string_view line) {
    constexpr std::size_t most_kept = std::size_t{128} << 10U;
    output.append(line).append("\n");
    if (output.size() > most_kept) {
        output.erase(0, output.size() - most_kept);
    }
}

std::string end_of(const ProcessResult& result, std::chrono::milliseconds limit) {
    switch (result.end) {
        case ProcessResult::End::exited: return "exit status " + std::to_string(result.exit_code);
        case ProcessResult::End::killed_by_signal: return "killed by signal " + std::to_string(result.signal);
        default: return "not done within " + to_human(limit);
    }
}

}  // namespace

ProgramAnswer run_operators_program(ProcessRunner& processes, const std::vector<std::string>& command,
                                    const std::string& input, std::chrono::milliseconds limit,
                                    const std::function<void(ProcessId)>& started, std::stop_token stop) {
    ProgramAnswer answer;
    const auto keep = [&](std::string_view line) { keep_end(answer.output, line); };
    const ProcessRequest request{
        .arguments = command,
        .environment = {{"PATH", "/opt/puppetlabs/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
                        {"HOME", "/root"},
                        {"LC_ALL", "C.UTF-8"}},
        .input = input,
        .timeout = limit,
        .grace = std::chrono::seconds(1),
        .ends_family = true};
    answer.result = processes.run(request, {.started = started, .line = keep, .error_line = keep}, std::move(stop));
    return answer;
}

std::string said_by(const ProgramAnswer& answer, std::string_view output, std::chrono::milliseconds limit) {
    constexpr std::size_t longest_words = 240;
    std::string words(trimmed(output));
    std::replace(words.begin(), words.end(), '\n', ' ');
    if (words.size() > longest_words) {
        words = "…" + words.substr(words.size() - longest_words);
    }
    return end_of(answer.result, limit) + (words.empty() ? "" : ": " + words);
}

}  // namespace bootwright
