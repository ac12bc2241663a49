#include "common/net/web_look_up.hpp"

#include "common/base/clock.hpp"
#include "common/net/name_lookup.hpp"
#include "common/net/url.hpp"

#include <curl/curl.h>

namespace bootwright {

namespace {

int on_start(void*, void*, void* is_under_way) noexcept {
    *static_cast<bool*>(is_under_way) = true;
    return 0;
}

/// A socket is made for an address that was found.
int on_socket(void* is_under_way, curl_socket_t, curlsocktype) noexcept {
    *static_cast<bool*>(is_under_way) = false;
    return CURL_SOCKOPT_OK;
}

}  // namespace

WebLookUp::WebLookUp(void* easy, const WebTrust& trust) : easy_(easy), trust_(trust) {
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);    // else the end of a transfer waits for the look-up's thread
    if (!trust.proxy.scheme().starts_with("socks")) {  // such a proxy has a socket before the name is looked up
        curl_easy_setopt(easy, CURLOPT_RESOLVER_START_FUNCTION, &on_start);
        curl_easy_setopt(easy, CURLOPT_RESOLVER_START_DATA, &is_under_way_);
        curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, &on_socket);
        curl_easy_setopt(easy, CURLOPT_SOCKOPTDATA, &is_under_way_);
    }
}

WebLookUp::~WebLookUp() {
    curl_easy_setopt(easy_, CURLOPT_RESOLVER_START_FUNCTION, nullptr);
    curl_easy_setopt(easy_, CURLOPT_SOCKOPTFUNCTION, nullptr);
}

Error WebLookUp::too_late(const std::string& shown, std::chrono::milliseconds limit) const {
    return error(shown, "was not looked up within " + to_human(limit));
}

Error WebLookUp::not_found(const std::string& shown) const { return error(shown, "was not found"); }

/// Of a redirect, the host that it leads to. With a proxy it cannot be known here which of both names it was.
Error WebLookUp::error(const std::string& shown, const std::string& why) const {
    const char* url = nullptr;
    curl_easy_getinfo(easy_, CURLINFO_EFFECTIVE_URL, &url);
    const std::string target = Url::parse(url == nullptr ? "" : url).value_or(Url()).host();
    const std::string& proxy = trust_.proxy.host();
    const std::string names = proxy.empty() ? target : proxy + " of the proxy, or " + target + ",";
    return transient_error("server.unreachable", "cannot fetch from " + shown + ": " + look_up_problem(names, why),
                           look_up_advice(proxy.empty() ? target : proxy));
}

}  // namespace bootwright
