#pragma once

#include "common/net/url.hpp"
#include "common/net/web_certificate.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bootwright {

/// Which servers to trust, and which proxy to use. Key and certificates are text: the process that speaks may not read
/// their files.
struct WebTrust {
    std::string ca_pem{};              ///< certificates that count besides the system's
    std::string client_certificate{};  ///< PEM; empty: none is sent
    std::string client_key{};          ///< PEM
    Url proxy{};                       ///< "http://proxy:3128"; empty: none
    std::string no_proxy{};            ///< hosts that are reached without it, separated by commas
};

/// How long to wait for a slow server.
struct WebPatience {
    std::chrono::milliseconds connect{10000};
    std::chrono::milliseconds stall{30000};  ///< without a byte
};

/// What Amazon's Signature Version 4 is made of.
struct AwsSignature {
    std::string access_key;
    std::string secret_key;
    std::string session_token{};
    std::string region;
    std::string service;  ///< "s3", "secretsmanager", "ssm"
};

struct WebRequest {
    std::string method = "GET";
    Url url;  ///< https or http; user and password in it become HTTP's basic authentication
    std::vector<std::pair<std::string, std::string>> headers{};
    std::string body{};
    std::string user{};      ///< with a password: basic authentication
    std::string password{};  ///< without a user: a bearer token (RFC 6750)
    std::optional<AwsSignature> signature{};
    std::uint64_t offset = 0;       ///< the answer begins with this byte, if the server can (Range)
    std::string if_range{};         ///< the ETag of the bytes before `offset`; if it has changed, the whole is sent
    bool follow_redirects = false;  ///< five at most, never from https to http; credentials stay with the host
    std::size_t max_bytes = std::size_t{1}
                            << 20U;  ///< of an answer that is kept; what goes to a sink has no limit here
    bool with_certificate = false;   ///< whether the answer says how long the server's certificate is valid
};

struct WebResponse {
    int status = 0;
    Url url{};  ///< where the answer came from, after redirects; empty if Url refuses that
    std::map<std::string, std::string> headers{};  ///< names in lower case
    std::string body{};                            ///< what did not go to the sink
    /// If it was asked for, and the server has sent certificates: of the one that ends first.
    std::optional<CertificateTerm> certificate{};
};

/// Port: https and http to any server, with libcurl. It ignores the environment, whose proxies are in `trust`.
/// HttpClient is for metadata services.
class WebClient {
public:
    /// Takes a good answer (status 200 or 206) piece by piece, each with the head. What it throws ends the request.
    using Sink = std::function<void(const WebResponse& head, std::string_view bytes)>;

    WebClient(WebTrust trust, WebPatience patience);
    WebClient(const WebClient&) = delete;
    WebClient& operator=(const WebClient&) = delete;
    ~WebClient();

    /// The server's answer, whatever its status.
    /// @throws Error server.unreachable, server.stalled (transient), server.not_trusted (permanent, but transient if
    /// the clock is wrong), server.url_invalid; what the sink throws
    WebResponse send(const WebRequest& request, const Sink& sink = {});

    /// Plain TCP: sends `input`, and hands on what comes back until `take` returns true or the other side ends it.
    /// @throws Error as send
    void converse(const std::string& host, int port, std::string_view input,
                  const std::function<bool(std::string_view bytes)>& take);

private:
    WebTrust trust_;
    WebPatience patience_;
    std::unique_ptr<void, void (*)(void*)> easy_;
};

}  // namespace bootwright
