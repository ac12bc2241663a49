// URLs: what is accepted, libcurl reads alike; what is shown of one holds neither its credentials nor its query.

#include "common/net/url.hpp"
#include "test/fakes/curl_url.hpp"
#include "test/fuzz/fuzz.hpp"

using namespace bootwright;

namespace {

void check_shown(const Url& url, const std::string& text) {
    const std::string shown = url.shown();
    require(url.scheme() == "file" || shown.find('@') == std::string::npos, "credentials in what is shown", text);
    require(shown.find('?') == std::string::npos || shown.ends_with("?…"), "a query in what is shown", text);
    require(url.without_credentials().shown() == shown, "credentials that change what is shown", text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    const auto url = Url::parse(text);
    require(url.has_value() != Url::why_refused(text).has_value(), "refused without a reason", text);
    if (!url) {
        fuzz([&] { const Url made(text); }, [](const Error& error) { return error.code == "url.invalid"; });
        return 0;
    }
    require(url->for_transfer() == text, "another text is sent", text);
    check_shown(*url, text);
    if (url->port() != 0) {  // what stands for a server: libcurl never sees the others
        const auto difference = difference_from_curl(*url, text);
        require(!difference, difference.value_or("").c_str(), text);
    }
    // What is made of it is one again, and goes to the same server.
    fuzz(
        [&] {
            const bool has_queries = url->scheme().starts_with("http");
            const Url longer = url->below("/info/refs", has_queries ? "service=git-upload-pack" : "");
            require(longer.is_same_server(*url), "another server", text);
            require(url->with_credentials_in(*url).is_same_server(*url), "another server", text);
            require(longer.user_for_transfer() == url->user_for_transfer(), "another user", text);
        },
        [&](const Error&) { return url->scheme() == "file" || text.size() + 100 > Url::longest; });
    return 0;
}
