#pragma once

#include "agent/puppet/result/observation.hpp"
#include "agent/puppet/result/reading.hpp"

#include <optional>
#include <string>
#include <vector>

namespace bootwright {

/// A line of Puppet's log that is a warning or worse.
struct LogEntry {
    std::string level;
    std::string message;
    std::string source;
    std::string file;
    int line = 0;
    int column = 0;
    std::string issue{};  ///< Puppet's own name for what it remarks, "RT_NO_STORECONFIGS"; "" of most entries

    [[nodiscard]] bool is_error() const {
        return level == "err" || level == "alert" || level == "emerg" || level == "crit";
    }
    [[nodiscard]] bool is_of_resource() const { return source.starts_with('/'); }
    /// Puppet goes on after it, and its report counts no failure.
    [[nodiscard]] bool is_failed_generation() const;
};

/// What is a warning or worse, in the order of the log; fit to be shown.
std::vector<LogEntry> read_log(const PuppetTraces& traces);

/// A text of Puppet's as it may be shown.
std::string shown(std::string text, const PuppetTraces& traces);

/// The environment that was seen, its texts as they may be shown.
std::optional<SeenEnvironment> shown_environment(const std::optional<Observation>& seen, const PuppetTraces& traces);

/// What the entry says, and where, unless it says that itself.
std::string with_place(const LogEntry& entry);

/// "/Stage[main]/Main/File[/etc/motd]/content" → "File[/etc/motd]": the last resource on the path.
std::string resource_of(const std::string& source);

}  // namespace bootwright
