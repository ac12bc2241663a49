#pragma once

#include "agent/puppet/reading.hpp"

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

/// "/Stage[main]/Main/File[/etc/motd]/content" → "File[/etc/motd]": the last resource on the path.
std::string resource_of(const std::string& source);

}  // namespace bootwright
