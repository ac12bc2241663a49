#include "agent/record/run_places.hpp"

#include <algorithm>
#include <string_view>
#include <tuple>
#include <utility>

namespace bootwright {

namespace {

bool gave(const PlaceAnswer& answer) { return std::string_view(answer.said).starts_with(gave_it); }

/// "forge.example.com" or "git.example.com:8443" of a URL that is fit to be shown; "" of a file.
std::string server_of(std::string_view place) {
    constexpr std::string_view mark = "://";
    const std::size_t end_of_scheme = place.find(mark);
    if (end_of_scheme == std::string_view::npos) {
        return "";
    }
    place.remove_prefix(end_of_scheme + mark.size());
    return std::string(place.substr(0, place.find('/')));
}

void count_module(RunReport& report, const std::string& server) {
    constexpr std::size_t most_servers = 20;
    constexpr const char* others = "others";
    const bool has_room = report.modules_from.size() < most_servers || report.modules_from.contains(server);
    ++report.modules_from[has_room ? server : others];
}

}  // namespace

void add_answer(RunReport& report, PlaceAnswer answer) {
    constexpr std::size_t most_places = 20;
    if (!answer.module.empty() && gave(answer)) {
        count_module(report, server_of(answer.place));
        return;
    }
    auto& places = report.places;
    const auto said_what = [](const PlaceAnswer& one) { return std::tie(one.place, one.of, one.module, one.said); };
    std::erase_if(places, [&](const PlaceAnswer& other) { return said_what(other) == said_what(answer); });
    if (places.size() == most_places) {
        const auto may_go = [](const PlaceAnswer& one) { return !one.of.empty() || !gave(one); };
        const auto oldest = std::find_if(places.begin(), places.end(), may_go);
        places.erase(oldest == places.end() ? places.begin() : oldest);
    }
    places.push_back(std::move(answer));
}

}  // namespace bootwright
