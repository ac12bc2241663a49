#pragma once

#include "agent/config/config.hpp"
#include "agent/config/system.hpp"
#include "common/base/error.hpp"
#include "common/documents/json.hpp"
#include "common/net/http.hpp"
#include "common/net/url.hpp"

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

namespace bootwright {

/// A metadata service over HTTP, as data: where it is, what it wants, and what its answers mean. Any status but 200 and
/// those named here means unknown: the request is retried, and the value never counts as absent.
struct MetadataService {
    using Headers = std::vector<std::pair<std::string, std::string>>;

    std::vector<Url> endpoints;           ///< "http://169.254.169.254"; of several, the first that answers is used
    Headers headers{};                    ///< of each request
    Headers proof{};                      ///< headers that each answer must carry; names in lower case
    std::vector<int> absent{404, 204};    ///< the service answers, and proves that there is nothing
    std::filesystem::path unix_socket{};  ///< instead of a network
    bool privileged_port = false;         ///< answers only to ports below 1024

    /// A token that each request needs.
    struct Token {
        std::string method = "PUT";
        std::string path{};
        Headers headers{};          ///< of the request for it: how long it is to last
        std::string header{};       ///< the header that carries it
        bool is_optional = false;   ///< go on without one if the service has none (404 or 405)
        std::string if_missing{};   ///< the advice if it has none, and needs one
        std::string if_disabled{};  ///< the advice if it refuses to give one (403)
    };
    std::optional<Token> token{};
};

/// Speaks with one metadata service, for as long as one reading takes.
class MetadataClient {
public:
    MetadataClient(const System& system, const AgentConfig& config, MetadataService service, std::stop_token stop);

    /// Fetches `path` ("/latest/user-data"). Returns the body if the service has it, nullopt if it proves that there is
    /// none. Throws on every other answer, which leaves it unknown.
    /// @throws Error platform.unexpected_answer (transient, with Retry-After), platform.token_refused (transient),
    /// platform.token_missing, platform.metadata_disabled (permanent), http.*, stopped
    std::optional<std::string> get(const std::string& path);

    /// The same, trimmed; "" if there is none.
    std::string get_text(const std::string& path);

    /// A JSON object that must be there. @throws Error platform.bad_document (transient) if it is not; and as get
    Json get_object(const std::string& path);

    /// The same from the first of several versions of a path that the service knows (not 400 or 404), and that path.
    std::pair<Json, std::string> get_object_of_version(const std::vector<std::string>& paths);

    /// The names in a folder of an EC2 style service ("a\nb/\n"), without slashes; none if there is no such folder.
    std::vector<std::string> get_names(const std::string& path);

    /// Reads a folder in which each tag is a file.
    void read_tags_folder(std::map<std::string, std::string>& tags, const std::string& folder);

    /// The answer to a GET, whatever its status. It carries the service's proof. Renews an expired token once.
    /// @throws Error as get, but for the status
    HttpResponse send(const std::string& path);

    /// What the answer of the last send() says of its value, as get() has it. @throws Error as get
    [[nodiscard]] std::optional<std::string> judged(HttpResponse response) const;

    /// Sets the longest time for one request from now on, instead of the image's configuration.
    void set_timeout(std::chrono::milliseconds timeout) { timeout_ = timeout; }

private:
    [[nodiscard]] HttpRequest make_request(const std::string& method, const Url& endpoint, const std::string& path,
                                           const MetadataService::Headers& headers) const;
    HttpResponse send_to_service(const std::string& method, const std::string& path,
                                 const MetadataService::Headers& headers);
    [[nodiscard]] bool has_proof(const HttpResponse& response) const;
    void ensure_token();

    const System& system_;
    MetadataService service_;
    std::stop_token stop_;
    std::chrono::milliseconds timeout_;
    Url endpoint_{};      ///< empty until one has answered
    std::string last_{};  ///< the last request, for errors: "GET http://…"
    bool asked_for_token_ = false;
    std::optional<std::string> token_{};
};

/// A part of an identity: not empty, and only of visible characters, since it goes into a header.
/// @throws Error platform.bad_document (transient), which does not show it
std::string required_secret(const Json& document, const char* key, const std::string& path);

/// platform.no_identity_role: the service answers, and proves that this instance has no identity.
Error no_identity_role(const std::string& path, const std::string& advice);

/// Why a service whose URL stands in a configuration is not asked: it is no URL, or not one of http without credentials. Quotes
/// nothing of it. Returns nullopt if it is asked.
std::optional<std::string> why_not_asked(const Url& url);

/// A single fetch, three-valued, from elsewhere than a cloud's service. @throws Error as MetadataClient::get
std::optional<std::string> fetch(const System& system, const HttpRequest& request, std::stop_token stop);

}  // namespace bootwright
