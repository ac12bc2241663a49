#include "agent/servers/git/transport.hpp"

#include <algorithm>
#include <utility>

namespace bootwright {

namespace {

Error bad_url(const Url& url, const std::string& why) {
    return permanent_error("server.url_invalid", url.shown() + ": " + why,
                           "write an https, http, ssh, git or file URL into the role config");
}

}  // namespace

Error answer_broke_off(const std::string& shown) {
    return transient_error("server.unreachable", "the answer of " + shown + " broke off",
                           "check that the git server is running and that this machine reaches it");
}

std::string path_of(const Url& url) {
    if (url.target() == "/") {
        throw bad_url(url, "it names no path");
    }
    std::string path = url.plain_path();
    if (path.starts_with("/~")) {
        path.erase(0, 1);
    } else if (url.scheme() == "ssh" && url.path().starts_with("/./")) {
        path.erase(0, 3);
    }
    if (path.starts_with('-')) {
        throw bad_url(url, "git would take its path for an option");
    }
    return path;
}

std::optional<Advertisement> StreamTransport::command(const std::string& request, const Take& take,
                                                      const Heard& heard) {
    Advertisement advertisement = converse(true, request, take, heard);
    return advertisement.is_version_2() ? std::nullopt : std::optional(std::move(advertisement));
}

void StreamTransport::old_command(const std::string& request, const Take& take, const Heard& heard) {
    converse(false, request, take, heard);
}

Advertisement StreamTransport::converse(bool is_version_2, const std::string& request, const Take& take,
                                        const Heard& heard) {
    Advertisement advertisement;
    bool is_advertised = false;
    const auto take_all = [&](const Packet& packet) {
        if (is_advertised) {
            return take(packet);
        }
        is_advertised = advertisement.take(packet);
        return is_advertised && is_version_2 && !advertisement.is_version_2();
    };
    exchange(is_version_2, request, take_all, heard);
    return advertisement;
}

std::unique_ptr<GitTransport> make_transport(const GitPlace& place, WebClient& web, ProcessRunner& processes,
                                             const WebPatience& patience) {
    for (const GitTransportKind* kind : Registered<GitTransportKind>::all()) {
        if (std::find(kind->schemes.begin(), kind->schemes.end(), place.url.scheme()) != kind->schemes.end()) {
            return kind->make(place, web, processes, patience);
        }
    }
    throw bad_url(place.url, "an unknown scheme");
}

}  // namespace bootwright
