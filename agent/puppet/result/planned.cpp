#include "agent/puppet/result/planned.hpp"

#include "agent/puppet/result/puppet_log.hpp"
#include "common/base/text.hpp"
#include "common/documents/json.hpp"

#include <cstddef>
#include <string_view>

namespace bootwright {

namespace {

/// Of files, as diff(1) writes it; Puppet begins it with an empty line, or says why there is none.
bool is_difference(std::string_view message) {
    return message.starts_with('\n') || message.starts_with("Binary files ") || message == "[diff redacted]";
}

bool is_planned(const std::string& message) {
    return message.ends_with("(noop)") || message.starts_with("Would have triggered ") || is_difference(message);
}

}  // namespace

std::vector<PlannedChange> planned_changes(const std::string& log, const PuppetTraces& traces) {
    constexpr std::size_t most = 1000;
    constexpr std::size_t longest = std::size_t{32} << 10U;
    std::vector<PlannedChange> changes;
    for (const std::string& line : split(log, '\n')) {
        const Json entry = parse_json(line);
        const std::string message = string_at(entry, "message");
        const std::string source = string_at(entry, "source");
        if (!source.starts_with('/') || !is_planned(message)) {
            continue;  // a class or a stage, whose source is no path, only passes on what its resources would do
        }
        if (changes.size() == most) {
            break;
        }
        const std::string text(is_difference(message) ? trimmed(message) : message);
        changes.push_back({shown(resource_of(source), traces), shortened(traces.redactor.cleaned(text), longest),
                           shown(string_at(entry, "file"), traces), static_cast<int>(number_at(entry, "line"))});
    }
    return changes;
}

}  // namespace bootwright
