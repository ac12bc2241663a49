#include "common/http.hpp"

#include "common/clock.hpp"
#include "common/error.hpp"
#include "common/text.hpp"

#include <curl/curl.h>

#include <memory>
#include <string_view>

namespace bootwright {

namespace {

struct FreeHeaders {
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using Headers = std::unique_ptr<curl_slist, FreeHeaders>;

/// What the C callbacks fill in.
struct Exchange {
    HttpResponse response;
    std::size_t max_bytes = 0;
    bool too_large = false;
    std::stop_token stop;
};

std::size_t on_body(char* data, std::size_t size, std::size_t count, void* user) noexcept {
    auto& exchange = *static_cast<Exchange*>(user);
    const std::size_t bytes = size * count;
    if (exchange.response.body.size() + bytes > exchange.max_bytes) {
        exchange.too_large = true;
        return 0;  // ends the transfer with CURLE_WRITE_ERROR
    }
    exchange.response.body.append(data, bytes);
    return bytes;
}

std::size_t on_header(char* data, std::size_t size, std::size_t count, void* user) noexcept {
    constexpr std::size_t most_headers = 100;
    auto& headers = static_cast<Exchange*>(user)->response.headers;
    const std::string_view line(data, size * count);
    const std::size_t colon = line.find(':');
    if (colon != std::string_view::npos && headers.size() < most_headers) {
        headers[lower(trimmed(line.substr(0, colon)))] = trimmed(line.substr(colon + 1));
    }
    return line.size();
}

int on_progress(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) noexcept {
    return static_cast<Exchange*>(user)->stop.stop_requested() ? 1 : 0;  // non-zero: CURLE_ABORTED_BY_CALLBACK
}

Error transfer_error(CURLcode code, const HttpRequest& request, const Exchange& exchange) {
    const std::string where = request.method + " " + without_credentials(request.url);
    if (exchange.stop.stop_requested()) {
        return stopped_error();
    }
    if (exchange.too_large) {
        return permanent_error(
            "http.too_large",
            where + ": the answer is larger than the " + std::to_string(request.max_bytes) + " bytes allowed here",
            "make what is served there smaller");
    }
    switch (code) {
        case CURLE_OPERATION_TIMEDOUT:
            return transient_error("http.timeout", where + ": no complete answer within " + to_human(request.timeout),
                                   "check that the service behind this address is running and not overloaded");
        case CURLE_PARTIAL_FILE:
        case CURLE_RECV_ERROR:
        case CURLE_GOT_NOTHING:
            return transient_error("http.truncated", where + ": the answer broke off: " + curl_easy_strerror(code),
                                   "check that the service behind this address is running");
        default:
            return transient_error("http.unreachable", where + ": " + curl_easy_strerror(code),
                                   "check the network: `ip address`, `ip route`, and that the service is running");
    }
}

}  // namespace

void CurlHttpClient::FreeHandle::operator()(void* handle) const { curl_easy_cleanup(handle); }

HttpResponse CurlHttpClient::send(const HttpRequest& request, std::stop_token stop) {
    if (handle_ == nullptr) {
        handle_.reset(curl_easy_init());
    }
    CURL* curl = handle_.get();
    if (curl == nullptr) {
        throw transient_error("http.unreachable", "libcurl cannot be initialised: out of memory", "free memory");
    }
    Headers headers;
    const auto add_header = [&](const std::string& line) {
        headers.reset(curl_slist_append(headers.release(), line.c_str()));
    };
    add_header("Expect:");  // a metadata service does not know "100 Continue"
    for (const auto& [name, value] : request.headers) {
        add_header(name + ": " + value);
    }
    Exchange exchange;
    exchange.max_bytes = request.max_bytes;
    exchange.stop = stop;

    curl_easy_reset(curl);  // options only: the connection stays open
    curl_easy_setopt(curl, CURLOPT_URL, request.url.c_str());
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request.method.c_str());
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "bootwright");
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(request.connect_timeout.count()));
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout.count()));
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &exchange);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, &exchange);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &exchange);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);

    const CURLcode code = curl_easy_perform(curl);
    if (code != CURLE_OK) {
        throw transfer_error(code, request, exchange);
    }
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    exchange.response.status = static_cast<int>(status);
    return std::move(exchange.response);
}

}  // namespace bootwright
