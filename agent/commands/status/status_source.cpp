#include "agent/commands/status/status_source.hpp"

#include "common/base/text.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace bootwright {

namespace {

bool has_given(const Json& place) { return member_at(place, "said") == Json("gave it"); }
bool is_of_control(const Json& place) { return member_at(place, "of").is_null(); }

/// "https://git.example.com/data.git (repositories/data)", "https://git.example.com/ntp.git (modules/ntp)"
std::string place_of(const Json& place) {
    const Json& module = member_at(place, "module");
    const Json& whose = module.is_null() ? member_at(place, "of") : module;
    return shown(member_at(place, "place")) + (whose.is_null() ? "" : " (" + shown(whose) + ")");
}

/// @param of_control of the control repository, or of all others
std::vector<std::string> givers(const Json& places, bool of_control) {
    std::vector<std::string> lines;
    for (const Json& place : places) {
        if (has_given(place) && is_of_control(place) == of_control) {
            lines.push_back(place_of(place) + ", in " + to_human(duration_of(member_at(place, "took_s"))));
        }
    }
    return lines;
}

/// @param error of the run: what it says of a place is not said twice
std::vector<std::string> what_others_said(const Json& places, const Json& error) {
    const std::string told = shown(member_at(error, "message")) + " (" + shown(member_at(error, "code")) + ")";
    std::vector<std::string> lines;
    for (const Json& place : places) {
        const std::string said = shown(member_at(place, "said"));
        const bool names_place = said.find(shown(member_at(place, "place"))) != std::string::npos;
        if (!has_given(place) && !(names_place && said == told)) {
            lines.push_back(place_of(place) + " said: " + said);
        }
    }
    return lines;
}

/// "40 from forge.example.com (38), git.example.com (2)"; "" if there are none.
std::string modules_from(const Json& servers) {
    std::vector<std::pair<std::uint64_t, std::string>> counts;
    std::uint64_t all = 0;
    for (const auto& [server, unused] : servers.items()) {
        counts.emplace_back(number_at(servers, server.c_str()), server.empty() ? "this machine's disk" : server);
        all += counts.back().first;
    }
    std::stable_sort(counts.begin(), counts.end(),
                     [](const auto& one, const auto& other) { return one.first > other.first; });
    std::string text;
    for (const auto& [count, server] : counts) {
        text += (text.empty() ? std::to_string(all) + " from " : ", ") + server + " (" + std::to_string(count) + ")";
    }
    return text;
}

void add_some(StatusFields& fields, const std::string& label, const std::vector<std::string>& lines, Tone tone) {
    constexpr std::size_t most = 5;
    for (std::size_t i = 0; i < std::min(lines.size(), most); ++i) {
        fields.add(label, lines[i], tone);
    }
    if (lines.size() > most) {
        fields.add(label, "and " + std::to_string(lines.size() - most) + " more: see `bootwright status --json`", tone);
    }
}

}  // namespace

void describe_source(StatusFields& fields, const Json& run) {
    const Json& places = member_at(run, "places");
    const bool is_resolved = !member_at(member_at(run, "revision"), "resolved").is_null();
    const std::vector<std::string> control = givers(places, true);
    const std::string modules = modules_from(member_at(run, "modules_from"));
    if (is_resolved && control.empty() && places.is_array()) {
        const bool is_all = places.empty() && modules.empty();
        fields.add("from", std::string("this machine's disk") + (is_all ? ": nothing had to be fetched" : ""));
    }
    add_some(fields, "from", control, Tone::quiet);
    add_some(fields, "from", givers(places, false), Tone::quiet);
    if (!modules.empty()) {
        fields.add("modules", modules);
    }
    add_some(fields, "place", what_others_said(places, member_at(run, "error")), Tone::doubtful);
}

}  // namespace bootwright
