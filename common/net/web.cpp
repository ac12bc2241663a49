#include "common/net/web.hpp"

#include "common/base/clock.hpp"
#include "common/base/encoding.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/net/http_header.hpp"
#include "common/net/url.hpp"
#include "common/net/web_look_up.hpp"

#include <curl/curl.h>

#include <poll.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <exception>
#include <memory>

namespace bootwright {

namespace {

using SteadyTime = std::chrono::steady_clock::time_point;

constexpr std::size_t largest_error_body = std::size_t{64} << 10U;
constexpr std::size_t most_headers = 200;
constexpr std::size_t largest_head = std::size_t{64} << 10U;  // the same as for the metadata service's answers
constexpr long most_redirects = 5;

struct FreeList {
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using ListHandle = std::unique_ptr<curl_slist, FreeList>;

void append(ListHandle& list, const std::string& line) {
    curl_slist* longer = curl_slist_append(list.get(), line.c_str());
    if (longer == nullptr) {
        throw std::bad_alloc();
    }
    static_cast<void>(list.release());  // it is a part of the longer one
    list.reset(longer);
}

template <typename Value>
void set(CURL* easy, CURLoption option, Value value) {
    if (const CURLcode code = curl_easy_setopt(easy, option, value); code != CURLE_OK) {
        throw permanent_error("server.url_invalid",
                              std::string("libcurl does not take a setting: ") + curl_easy_strerror(code), "");
    }
}

void set_blob(CURL* easy, CURLoption option, const std::string& pem) {
    if (!pem.empty()) {
        curl_blob blob{const_cast<char*>(pem.data()), pem.size(), CURL_BLOB_COPY};  // copied, so only read
        set(easy, option, &blob);
    }
}

Error stalled(const std::string& shown, const WebPatience& patience) {
    return transient_error("server.stalled", shown + " said nothing for " + to_human(patience.stall),
                           "check that the server is running, and the network between");
}

/// The Error for what libcurl could not do.
Error error_for(CURLcode code, const std::string& details, const std::string& shown, const WebLookUp& look_up,
                const WebPatience& patience) {
    if (code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_RESOLVE_PROXY) {
        return look_up.not_found(shown);
    }
    if (code == CURLE_OPERATION_TIMEDOUT && look_up.is_under_way()) {
        return look_up.too_late(shown, patience.connect);
    }
    const std::string message = "cannot fetch from " + shown + ": " + details;
    switch (code) {
        case CURLE_PEER_FAILED_VERIFICATION:
        case CURLE_SSL_CERTPROBLEM:
        case CURLE_SSL_CACERT_BADFILE:
        case CURLE_SSL_ISSUER_ERROR:
            // It cannot be known here whether the clock or the certificate is wrong.
            if (details.find("not yet valid") != std::string::npos ||
                details.find("has expired") != std::string::npos) {
                return transient_error(
                    "server.not_trusted", message,
                    "check the clock of this machine: `timedatectl`; if it is right, the server needs a new "
                    "certificate");
            }
            return permanent_error("server.not_trusted", message, "");
        case CURLE_URL_MALFORMAT:
        case CURLE_UNSUPPORTED_PROTOCOL: return permanent_error("server.url_invalid", message, "");
        case CURLE_TOO_MANY_REDIRECTS:
            return permanent_error("server.redirects", message + " (a loop of redirects)", "");
        default:
            return transient_error("server.unreachable", message,
                                   "check that the server is running and that this machine reaches it");
    }
}

/// One exchange, and what its callbacks see. No exception crosses libcurl: the first is kept, and thrown afterwards.
class Exchange {
public:
    Exchange(CURL* easy, const WebRequest& request, const WebTrust& trust, const WebClient::Sink& sink,
             const WebPatience& patience)
        : easy_(easy),
          request_(request),
          sink_(sink),
          patience_(patience),
          look_up_(easy, trust),
          heard_(std::chrono::steady_clock::now()) {}

    WebResponse run() {
        std::array<char, CURL_ERROR_SIZE> details{};
        set(easy_, CURLOPT_ERRORBUFFER, details.data());
        set(easy_, CURLOPT_WRITEFUNCTION, &on_body);
        set(easy_, CURLOPT_WRITEDATA, this);
        set(easy_, CURLOPT_HEADERFUNCTION, &on_header);
        set(easy_, CURLOPT_HEADERDATA, this);
        set(easy_, CURLOPT_XFERINFOFUNCTION, &on_progress);
        set(easy_, CURLOPT_XFERINFODATA, this);
        set(easy_, CURLOPT_NOPROGRESS, 0L);
        const CURLcode code = curl_easy_perform(easy_);
        if (failure_) {
            std::rethrow_exception(failure_);
        }
        check_proxy();
        if (code != CURLE_OK) {
            throw error_for(code, details.front() == '\0' ? curl_easy_strerror(code) : details.data(), shown(),
                            look_up_, patience_);
        }
        if (request_.with_certificate) {
            response_.certificate = first_to_end(easy_);
        }
        return std::move(response_);
    }

private:
    static std::size_t on_body(char* bytes, std::size_t size, std::size_t count, void* user) noexcept {
        auto& self = *static_cast<Exchange*>(user);
        return self.guarded([&] { self.take_body({bytes, size * count}); }) ? size * count : CURL_WRITEFUNC_ERROR;
    }
    static std::size_t on_header(char* bytes, std::size_t size, std::size_t count, void* user) noexcept {
        auto& self = *static_cast<Exchange*>(user);
        return self.guarded([&] { self.take_header({bytes, size * count}); }) ? size * count : 0;
    }
    static int on_progress(void* user, curl_off_t, curl_off_t received, curl_off_t, curl_off_t sent) noexcept {
        auto& self = *static_cast<Exchange*>(user);
        return self.guarded([&] { self.check_patience(received + sent); }) ? 0 : 1;
    }

    template <typename Action>
    bool guarded(Action action) noexcept {
        try {
            action();
            return true;
        } catch (...) {
            failure_ = failure_ ? failure_ : std::current_exception();
            return false;
        }
    }

    /// The proxy's own refusal: of a tunnel for https, or instead of the server's answer for http.
    void check_proxy() const {
        constexpr long proxy_authentication_required = 407;
        long connect_status = 0;
        curl_easy_getinfo(easy_, CURLINFO_HTTP_CONNECTCODE, &connect_status);
        if (connect_status == proxy_authentication_required || response_.status == proxy_authentication_required) {
            throw permanent_error("server.proxy_denied",
                                  "cannot fetch from " + shown() + ": the proxy answers with HTTP status 407", "");
        }
    }

    [[nodiscard]] bool is_good() const { return response_.status == 200 || response_.status == 206; }

    void take_body(std::string_view bytes) {
        if (sink_ && is_good()) {
            sink_(response_, bytes);
            return;
        }
        const std::size_t limit = is_good() ? request_.max_bytes : largest_error_body;
        if (response_.body.size() + bytes.size() <= limit) {
            response_.body.append(bytes);
        } else if (is_good()) {  // the beginning of an error page says enough
            throw too_large(limit);
        }
    }

    [[nodiscard]] Error too_large(std::size_t limit) const {
        return permanent_error("server.too_large",
                               shown() + " answers with more than the " + std::to_string(limit) + " bytes allowed here",
                               "check that the URL is right");
    }

    /// One line; a redirect or a proxy's answer begins the head anew.
    void take_header(std::string_view bytes) {
        const std::string_view line = trimmed(bytes);
        head_bytes_ = line.starts_with("HTTP/") ? 0 : head_bytes_ + bytes.size();
        if (head_bytes_ > largest_head) {
            throw too_large(largest_head);
        }
        if (line.starts_with("HTTP/")) {
            head_began_ = std::chrono::steady_clock::now();
            response_.headers.clear();
            response_.body.clear();
            const std::size_t space = std::min(line.find(' '), line.size());
            const std::string_view status = trimmed(line.substr(space));
            std::from_chars(status.data(), status.data() + status.size(), response_.status);
        } else if (line.empty()) {
            head_began_.reset();
            const char* url = nullptr;
            curl_easy_getinfo(easy_, CURLINFO_EFFECTIVE_URL, &url);
            response_.url = Url::parse(url == nullptr ? "" : url).value_or(Url());
        } else if (const std::size_t colon = line.find(':');
                   colon != std::string_view::npos && response_.headers.size() < most_headers) {
            response_.headers[lower(line.substr(0, colon))] = std::string(trimmed(line.substr(colon + 1)));
        }
    }

    /// Throws if no byte came for too long, or if the head only drips.
    void check_patience(curl_off_t moved) {
        const SteadyTime now = std::chrono::steady_clock::now();
        if (moved != moved_) {
            moved_ = moved;
            heard_ = now;
        }
        if (now - heard_ > patience_.stall || (head_began_ && now - *head_began_ > patience_.stall)) {
            throw look_up_.is_under_way() ? look_up_.too_late(shown(), patience_.stall) : stalled(shown(), patience_);
        }
    }

    [[nodiscard]] std::string shown() const { return request_.url.shown(); }

    CURL* easy_;
    const WebRequest& request_;
    const WebClient::Sink& sink_;
    const WebPatience& patience_;
    WebLookUp look_up_;
    WebResponse response_{};
    std::exception_ptr failure_{};
    SteadyTime heard_;
    std::optional<SteadyTime> head_began_{};
    std::size_t head_bytes_ = 0;
    curl_off_t moved_ = 0;
};

void set_redirects(CURL* easy, const WebRequest& request) {
    set(easy, CURLOPT_FOLLOWLOCATION, request.follow_redirects ? 1L : 0L);
    set(easy, CURLOPT_MAXREDIRS, most_redirects);
    set(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    set(easy, CURLOPT_REDIR_PROTOCOLS_STR, request.url.scheme() == "https" ? "https" : "http,https");
}

void set_trust(CURL* easy, const WebTrust& trust) {
    // libcurl keeps the system's folder of certificates besides: these are added to it.
    set_blob(easy, CURLOPT_CAINFO_BLOB, trust.ca_pem);
    set_blob(easy, CURLOPT_SSLCERT_BLOB, trust.client_certificate);
    set_blob(easy, CURLOPT_SSLKEY_BLOB, trust.client_key);
    set(easy, CURLOPT_PROXY, trust.proxy.for_transfer().c_str());  // empty: none, whatever the environment says
    set(easy, CURLOPT_NOPROXY, trust.no_proxy.c_str());
}

void set_credentials(CURL* easy, const WebRequest& request) {
    if (request.signature) {
        const AwsSignature& signature = *request.signature;
        set(easy, CURLOPT_AWS_SIGV4, ("aws:amz:" + signature.region + ":" + signature.service).c_str());
        set(easy, CURLOPT_USERNAME, signature.access_key.c_str());
        set(easy, CURLOPT_PASSWORD, signature.secret_key.c_str());
    } else if (!request.password.empty() && request.user.empty()) {
        check_header("Authorization", "Bearer " + request.password);
        set(easy, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
        set(easy, CURLOPT_XOAUTH2_BEARER, request.password.c_str());  // like a password, for no other host
    } else if (!request.password.empty()) {
        set(easy, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
        set(easy, CURLOPT_USERNAME, request.user.c_str());
        set(easy, CURLOPT_PASSWORD, request.password.c_str());
    }
}

ListHandle header_list(const WebRequest& request) {
    ListHandle list;
    const auto add = [&](const std::string& name, const std::string& value) {
        check_header(name, value);
        append(list, name + ": " + value);
    };
    if (!request.signature) {     // libcurl would sign a header that is left out
        append(list, "Expect:");  // no round trip before a body
    }
    for (const auto& [name, value] : request.headers) {
        add(name, value);
    }
    if (request.signature && !request.signature->session_token.empty()) {
        add("x-amz-security-token", request.signature->session_token);
    }
    if (request.offset > 0 && !request.if_range.empty()) {
        add("If-Range", request.if_range);
    }
    return list;
}

void set_body(CURL* easy, const WebRequest& request) {
    if (request.method != "GET") {
        set(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
        set(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
        set(easy, CURLOPT_POSTFIELDS, request.body.data());
    }
    if (request.offset > 0) {
        set(easy, CURLOPT_RANGE, (std::to_string(request.offset) + "-").c_str());
    }
}

/// Waits until the connection may be read from (or written to). @throws Error server.stalled
void wait_for_socket(CURL* easy, short events, const WebPatience& patience, const std::string& shown) {
    curl_socket_t socket = CURL_SOCKET_BAD;
    curl_easy_getinfo(easy, CURLINFO_ACTIVESOCKET, &socket);
    pollfd polled{socket, events, 0};
    if (poll(&polled, 1, milliseconds_to_wait(patience.stall)) == 0) {
        throw stalled(shown, patience);
    }
}

}  // namespace

WebClient::WebClient(WebTrust trust, WebPatience patience)
    : trust_(std::move(trust)), patience_(patience), easy_(nullptr, curl_easy_cleanup) {
    curl_global_init(CURL_GLOBAL_DEFAULT);
    easy_.reset(curl_easy_init());
    if (!easy_) {
        throw std::bad_alloc();
    }
}

WebClient::~WebClient() {
    easy_.reset();
    curl_global_cleanup();
}

WebResponse WebClient::send(const WebRequest& request, const Sink& sink) {
    CURL* easy = easy_.get();
    curl_easy_reset(easy);  // connections stay open for the next request
    set(easy, CURLOPT_NOSIGNAL, 1L);
    set(easy, CURLOPT_URL, request.url.for_transfer().c_str());
    set(easy, CURLOPT_PATH_AS_IS, 1L);
    set(easy, CURLOPT_USERAGENT, "bootwright");
    set(easy, CURLOPT_BUFFERSIZE, 128L << 10U);
    set(easy, CURLOPT_CONNECTTIMEOUT_MS, long{milliseconds_to_wait(patience_.connect)});
    set(easy, CURLOPT_CERTINFO, request.with_certificate ? 1L : 0L);
    set_redirects(easy, request);
    set_trust(easy, trust_);
    set_credentials(easy, request);
    set_body(easy, request);
    const ListHandle headers = header_list(request);
    set(easy, CURLOPT_HTTPHEADER, headers.get());
    return Exchange(easy, request, trust_, sink, patience_).run();
}

void WebClient::converse(const std::string& host, int port, std::string_view input,
                         const std::function<bool(std::string_view bytes)>& take) {
    CURL* easy = easy_.get();
    const std::string shown = host + ":" + std::to_string(port);
    curl_easy_reset(easy);
    set(easy, CURLOPT_NOSIGNAL, 1L);
    set(easy, CURLOPT_URL, ("http://" + shown).c_str());
    set(easy, CURLOPT_CONNECT_ONLY, 1L);
    set(easy, CURLOPT_PROXY, "");
    set(easy, CURLOPT_CONNECTTIMEOUT_MS, long{milliseconds_to_wait(patience_.connect)});
    const WebTrust direct;
    const WebLookUp look_up(easy, direct);
    const auto check = [&](CURLcode code) {
        if (code != CURLE_OK) {
            throw error_for(code, curl_easy_strerror(code), shown, look_up, patience_);
        }
    };
    check(curl_easy_perform(easy));
    while (!input.empty()) {
        std::size_t sent = 0;
        const CURLcode code = curl_easy_send(easy, input.data(), input.size(), &sent);
        input.remove_prefix(sent);
        if (code == CURLE_AGAIN) {
            wait_for_socket(easy, POLLOUT, patience_, shown);
        } else {
            check(code);
        }
    }
    std::array<char, std::size_t{64} << 10U> buffer{};
    while (true) {
        std::size_t received = 0;
        const CURLcode code = curl_easy_recv(easy, buffer.data(), buffer.size(), &received);
        if (code == CURLE_AGAIN) {
            wait_for_socket(easy, POLLIN, patience_, shown);
            continue;
        }
        check(code);
        if (received == 0 || take({buffer.data(), received})) {
            return;
        }
    }
}

}  // namespace bootwright
