#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

namespace bootwright {

struct HttpRequest {
    std::string method = "GET";
    std::string url;
    std::vector<std::pair<std::string, std::string>> headers{};
    std::chrono::milliseconds connect_timeout{2000};
    std::chrono::milliseconds timeout{10000};  ///< for the whole exchange
    std::size_t max_bytes = std::size_t{1} << 20U;
};

struct HttpResponse {
    int status = 0;
    std::map<std::string, std::string> headers{};  ///< names in lower case
    std::string body{};
};

/// Port: HTTP to a metadata service: never through a proxy, never following a redirect, reading at most max_bytes.
class HttpClient {
public:
    HttpClient() = default;
    HttpClient(const HttpClient&) = delete;
    HttpClient& operator=(const HttpClient&) = delete;
    virtual ~HttpClient() = default;

    /// The server's answer, whatever its status.
    /// @throws Error http.unreachable, http.timeout, http.truncated (transient); http.too_large (permanent); stopped
    virtual HttpResponse send(const HttpRequest& request, std::stop_token stop) = 0;
};

/// libcurl. Keeps one connection open between requests to the same host; not for use by two threads at once.
class CurlHttpClient final : public HttpClient {
public:
    HttpResponse send(const HttpRequest& request, std::stop_token stop) override;

private:
    struct FreeHandle {
        void operator()(void* handle) const;
    };
    std::unique_ptr<void, FreeHandle> handle_;  // CURL, made at the first request: a run from a file needs none
};

}  // namespace bootwright
