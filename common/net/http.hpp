#pragma once

#include "common/base/error.hpp"
#include "common/net/url.hpp"

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

namespace bootwright {

struct HttpRequest {
    std::string method = "GET";
    Url url;  ///< "http://HOST[:PORT]/…", without credentials
    std::vector<std::pair<std::string, std::string>> headers{};
    std::chrono::milliseconds connect_timeout{2000};
    std::chrono::milliseconds timeout{10000};  ///< for the whole exchange
    std::size_t max_bytes = std::size_t{1} << 20U;
    std::filesystem::path unix_socket{};  ///< connects to it, whatever the URL's host
    bool privileged_port = false;         ///< from a local port below 1024, which proves to the service that root asks
};

struct HttpResponse {
    int status = 0;
    std::map<std::string, std::string> headers{};  ///< names in lower case
    std::string body{};
};

/// The results of a race, in the order of the requests; nullopt for a request that was not sent or not waited for.
struct HttpRace {
    std::optional<std::size_t> winner{};
    std::vector<std::optional<HttpResponse>> responses{};
    std::vector<std::optional<Error>> errors{};
};

/// Port: HTTP to a metadata service: never through a proxy, never following a redirect, reading at most max_bytes.
class HttpClient {
public:
    using Accepts = std::function<bool(std::size_t index, const HttpResponse& response)>;

    HttpClient() = default;
    HttpClient(const HttpClient&) = delete;
    HttpClient& operator=(const HttpClient&) = delete;
    virtual ~HttpClient() = default;

    /// Sends the requests, each `stagger` after the one before it, or earlier once all that were sent have failed. Ends
    /// with the first response that is accepted, or when no request is left.
    /// The errors within: http.unreachable, http.timeout, http.truncated (transient); http.too_large (permanent).
    /// @throws Error stopped
    virtual HttpRace race(const std::vector<HttpRequest>& requests, std::chrono::milliseconds stagger,
                          const Accepts& accepts, std::stop_token stop) = 0;

    /// The server's answer, whatever its status. @throws Error as in a race; stopped
    HttpResponse send(const HttpRequest& request, std::stop_token stop);
};

/// Over the network, with Boost.Beast: plain http, a connection for each request. The system resolves names: only this
/// wait is not cut short by a stop or a deadline.
/// The errors within, beside those of a race: http.bad_url (permanent).
class NetworkHttpClient final : public HttpClient {
public:
    HttpRace race(const std::vector<HttpRequest>& requests, std::chrono::milliseconds stagger, const Accepts& accepts,
                  std::stop_token stop) override;
};

}  // namespace bootwright
