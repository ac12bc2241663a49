#include "agent/puppet/result/run_warnings.hpp"

#include "agent/puppet/result/without_server.hpp"
#include "common/base/text.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace bootwright {

namespace {

constexpr std::size_t most_listed = 20;
constexpr std::size_t longest_list = 500;
constexpr std::size_t longest_key = 100;

bool is_listed(const std::vector<FailedResource>& failed, const std::string& resource) {
    return std::any_of(failed.begin(), failed.end(), [&](const auto& other) { return other.resource == resource; });
}

/// True if the entry says again what a failed resource says: Puppet logs the error of an exec twice.
bool is_repeated(const LogEntry& entry, const std::vector<FailedResource>& failed) {
    constexpr std::size_t compared = 80;  // the end of a long message may have been cut off
    const std::string first_line = entry.message.substr(0, std::min(entry.message.find('\n'), compared));
    return std::any_of(failed.begin(), failed.end(), [&](const FailedResource& resource) {
        return resource.message.find(first_line) != std::string::npos;
    });
}

/// Warnings, and errors that belong to no resource: Puppet goes on after a malformed external fact, for one.
/// @param cause of the run's own error, which is told by that; may be null
void add_warnings(std::vector<std::string>& result, const std::vector<LogEntry>& entries,
                  const std::vector<FailedResource>& failed, const LogEntry* cause) {
    for (const LogEntry& entry : entries) {
        const bool is_skip = entry.message == "Skipping because of failed dependencies";
        const bool is_of_failed = entry.is_of_resource() && is_listed(failed, resource_of(entry.source));
        const bool is_cause = cause != nullptr && entry.message == cause->message;
        const bool is_told = is_skip || is_cause || needs_server(entry) ||
                             (entry.is_error() && (is_of_failed || is_repeated(entry, failed)));
        const std::string source = entry.source.empty() || entry.source == "Puppet" ? "" : entry.source + ": ";
        const std::string text = source + with_place(entry);
        if (!is_told && result.size() < most_listed && std::find(result.begin(), result.end(), text) == result.end()) {
            result.push_back(text);
        }
    }
}

/// `node default` is taken without a word of Puppet's: of code that names its nodes, that is seldom meant.
std::string taken_by_default(const SeenEnvironment& environment) {
    std::vector<std::string> others = environment.nodes;
    others.erase(std::remove(others.begin(), others.end(), "default"), others.end());
    return "no node definition has this machine's certname, so `node default` was taken; there are: " +
           shortened(joined(others, ", "), longest_list) + " (puppet.certname of the role config makes the name)";
}

/// What the agent itself has to remark on how Puppet ran.
std::vector<std::string> remarks(const std::optional<Observation>& seen, const PuppetTraces& traces) {
    std::vector<std::string> remarks;
    const bool came_to_end = traces.process.end == ProcessResult::End::exited;
    if (!seen && came_to_end) {
        remarks.emplace_back(
            "Puppet was not seen from within: its catalog, slow resources and unused data are not known");
    }
    if (!seen) {
        return remarks;
    }
    for (const std::string& problem : seen->problems) {
        remarks.push_back("what Puppet did is not fully known: " + shown(problem, traces));
    }
    for (const std::string& key : seen->unused_data) {
        const auto meant = nearest(key, seen->looked_up);
        remarks.push_back("nothing looked up the key " + shortened(key, longest_key) + " of the role config's data" +
                          (meant ? "; did you mean \"" + shown(*meant, traces) + "\"?" : ""));
    }
    if (seen->environment && seen->environment->node == "default" && seen->environment->nodes.size() > 1) {
        remarks.push_back(taken_by_default(*shown_environment(seen, traces)));
    }
    remarks.resize(std::min(remarks.size(), most_listed));
    return remarks;
}

}  // namespace

std::vector<std::string> run_warnings(const std::vector<LogEntry>& entries, const std::optional<Observation>& seen,
                                      const std::vector<FailedResource>& failed, const LogEntry* cause,
                                      const PuppetTraces& traces) {
    std::vector<std::string> result = warnings_without_server(entries);
    for (std::string& remark : remarks(seen, traces)) {
        result.push_back(std::move(remark));
    }
    add_warnings(result, entries, failed, cause);
    return result;
}

}  // namespace bootwright
