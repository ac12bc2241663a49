// A web server, or a CDN, which may redirect to another server for the file itself.

#include "agent/servers/objects/object_store.hpp"

#include <string>
#include <string_view>

namespace bootwright {

namespace {

constexpr std::string_view placeholder = "{revision}";

bool serves(const Url& place) {
    return (place.scheme() == "https" || place.scheme() == "http") &&
           place.target().find(placeholder) != std::string::npos;
}

WebRequest request(const Url& place, const std::string& file, const Stores&) {
    // Never in the host or the credentials, where Url refuses it: whoever owns that name would be asked.
    if (!place.shown().starts_with(place.server() + "/")) {
        throw not_a_store(place);
    }
    const std::string revision = file.substr(0, file.find('.'));
    std::string target = place.target();
    for (std::size_t at = target.find(placeholder); at != std::string::npos; at = target.find(placeholder, at)) {
        target.replace(at, placeholder.size(), revision);
    }
    return {.url = place.with_target(target), .follow_redirects = true};
}

const ObjectStore store{.serves = serves, .needs_identity = [](const Stores&) { return false; }, .request = request};
const Registered<ObjectStore> registered(store);

}  // namespace

}  // namespace bootwright
