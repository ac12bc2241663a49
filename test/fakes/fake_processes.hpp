#pragma once

#include "common/base/error.hpp"
#include "common/processes/process.hpp"

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
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
    void answer(const std::string& key, std::vector<Script> scripts);
    void answer(const std::string& key, Script script);

    ProcessResult run(const ProcessRequest& request, const ProcessEvents& events, std::stop_token stop) override;

    [[nodiscard]] std::vector<ProcessRequest> started(const std::string& key) const;

private:
    struct Scripts {
        std::vector<Script> scripts;
        std::size_t used = 0;
    };
    std::map<std::string, Scripts> scripts_;
};

}  // namespace bootwright
