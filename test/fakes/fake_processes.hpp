#pragma once

#include "common/error.hpp"
#include "common/process.hpp"

#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

namespace bootwright {

/// Child processes by script, told apart by their first argument ("apply"), or else by their name.
class FakeProcesses final : public ProcessRunner {
public:
    struct Script {
        ProcessResult result{};
        std::vector<std::string> lines{};  ///< of standard output
        std::vector<std::string> error_lines{};
        std::optional<Error> cannot_start{};                ///< thrown instead of all that
        std::function<void(const ProcessRequest&)> work{};  ///< what the child does: writes files, hears a stop
    };

    std::vector<ProcessRequest> requests{};

    /// What happens at each start: one after the other, the last one for ever.
    void answer(const std::string& key, std::vector<Script> scripts) { scripts_[key] = {std::move(scripts), 0}; }
    void answer(const std::string& key, Script script) { answer(key, std::vector<Script>{std::move(script)}); }

    ProcessResult run(const ProcessRequest& request, const ProcessEvents& events, std::stop_token stop) override {
        requests.push_back(request);
        const std::string key = key_of(request);
        const auto found = scripts_.find(key);
        if (found == scripts_.end() || found->second.scripts.empty()) {
            throw transient_error("process.cannot_start", "no script for " + key, "write one");
        }
        Scripts& scripts = found->second;
        // A copy: what the script does may replace the script.
        const Script script = scripts.scripts[std::min(scripts.used++, scripts.scripts.size() - 1)];
        if (script.cannot_start) {
            throw *script.cannot_start;
        }
        if (events.started) {
            events.started({4242, 99});
        }
        if (script.work) {
            script.work(request);
        }
        for (const std::string& line : script.lines) {
            if (events.line) {
                events.line(line);
            }
        }
        for (const std::string& line : script.error_lines) {
            if (events.error_line) {
                events.error_line(line);
            }
        }
        if (stop.stop_requested()) {
            return {.end = ProcessResult::End::stopped, .signal = 15};
        }
        return script.result;
    }

    [[nodiscard]] std::vector<ProcessRequest> started(const std::string& key) const {
        std::vector<ProcessRequest> found;
        std::copy_if(requests.begin(), requests.end(), std::back_inserter(found),
                     [&](const ProcessRequest& request) { return key_of(request) == key; });
        return found;
    }

private:
    static std::string key_of(const ProcessRequest& request) {
        return request.arguments.size() > 1 ? request.arguments[1]
                                            : std::filesystem::path(request.arguments.at(0)).filename().string();
    }

    struct Scripts {
        std::vector<Script> scripts;
        std::size_t used = 0;
    };
    std::map<std::string, Scripts> scripts_;
};

}  // namespace bootwright
