#include "agent/puppet/result/without_server.hpp"

#include "common/base/text.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

namespace bootwright {

namespace {

constexpr std::size_t most_places = 20;

constexpr const char* of_export = "RT_NO_STORECONFIGS_EXPORT";
constexpr const char* of_collector = "RT_NO_STORECONFIGS";

/// "manifests/site.pp:3, modules/a/manifests/init.pp:7", each once; "": Puppet has remarked on none.
std::string places_of(const std::vector<LogEntry>& entries, std::string_view issue) {
    std::vector<std::string> places;
    for (const LogEntry& entry : entries) {
        const std::string place = entry.file + ":" + std::to_string(entry.line);
        if (entry.issue == issue && std::find(places.begin(), places.end(), place) == places.end()) {
            places.push_back(place);
        }
    }
    const std::size_t more = places.size() - std::min(places.size(), most_places);
    places.resize(places.size() - more);
    return joined(places, ", ") + (more > 0 ? " and " + std::to_string(more) + " more" : "");
}

}  // namespace

bool needs_server(const LogEntry& entry) { return entry.issue == of_export || entry.issue == of_collector; }

std::vector<std::string> warnings_without_server(const std::vector<LogEntry>& entries) {
    std::vector<std::string> warnings;
    if (const std::string places = places_of(entries, of_export); !places.empty()) {
        warnings.push_back("no other machine gets the exported resources (@@) of " + places + ": " +
                           advice_without_server);
    }
    if (const std::string places = places_of(entries, of_collector); !places.empty()) {
        warnings.push_back("nothing was found by the collectors of exported resources (<<| |>>) of " + places + ": " +
                           advice_without_server);
    }
    return warnings;
}

bool asks_puppetdb(const std::string& reason) {
    // PuppetDB's own function, and those of the module puppetdbquery, which fail by its name, by its library's or by its
    // address. https://github.com/dalen/puppet-puppetdbquery
    constexpr std::array<std::string_view, 6> words{"puppetdb",    "'query_facts'",     "'query_nodes'",
                                                    "/pdb/query/", "'query_resources'", "'pdbquery'"};
    const std::string text = lower(reason);
    return std::any_of(words.begin(), words.end(),
                       [&](std::string_view word) { return text.find(word) != std::string::npos; });
}

}  // namespace bootwright
