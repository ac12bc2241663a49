#include "agent/servers/git/transport.hpp"

#include "common/base/clock.hpp"
#include "common/base/retry.hpp"

#include <algorithm>
#include <array>

namespace bootwright {

namespace {

/// The error for a bad answer over http.
Error status_error(const std::string& shown, const WebResponse& response) {
    const std::string message = shown + " answers with HTTP status " + std::to_string(response.status);
    switch (response.status) {
        case 401:
        case 403:
            return permanent_error("server.access_denied", message,
                                   "check the credentials: repository.credentials of agent.json, or those of the URL");
        case 404:
        case 410: return permanent_error("git.no_repository", message, std::string(not_a_repository));
        default: break;
    }
    Error error =
        transient_error("server.error", message, "check that the git server is running, and its log for the reason");
    error.retry_after = retry_after(response.headers);
    return error;
}

/// Smart http: a POST for each command (gitprotocol-http(5)).
class HttpTransport final : public GitTransport {
public:
    HttpTransport(const GitPlace& place, WebClient& web)
        : place_(place), web_(web), url_(place.url), shown_(url_.shown()), base_(url_) {}

    std::optional<Advertisement> command(const std::string& request, const Take& take, const Heard& heard) override {
        try {
            post(request, true, take, heard);
            return std::nullopt;
        } catch (const Error& error) {
            if (has_begun_ || !may_be_another_version(error)) {
                throw;
            }
        }
        // A redirect, a server below version 2, or no git server at all: its advertisement tells.
        Advertisement advertisement = advertise();
        if (!advertisement.is_version_2()) {
            return advertisement;
        }
        post(request, true, take, heard);
        return std::nullopt;
    }

    void old_command(const std::string& request, const Take& take, const Heard& heard) override {
        post(request, false, take, heard);
    }

private:
    /// Whether the error may mean that the request was not understood. What the network says is final.
    static bool may_be_another_version(const Error& error) {
        constexpr std::array codes{"server.protocol", "server.refused", "git.no_repository", "server.error"};
        return std::find(codes.begin(), codes.end(), error.code) != codes.end() && !error.retry_after;
    }

    [[nodiscard]] WebRequest request_to(const std::string& path, const std::string& query = "") const {
        const bool is_same_server = base_.is_same_server(url_);
        return {.url = base_.below(path, query),
                .user = is_same_server ? place_.user : "",
                .password = is_same_server ? place_.password : ""};
    }

    void post(const std::string& body, bool is_version_2, const Take& take, const Heard& heard) {
        WebRequest request = request_to("/git-upload-pack");
        request.method = "POST";
        request.body = body;
        request.headers = {{"Content-Type", "application/x-git-upload-pack-request"},
                           {"Accept", "application/x-git-upload-pack-result"}};
        if (is_version_2) {
            request.headers.emplace_back("Git-Protocol", "version=2");
        }
        receive(request, "application/x-git-upload-pack-result", take, heard);
    }

    Advertisement advertise() {
        WebRequest request = request_to("/info/refs", "service=git-upload-pack");
        request.headers = {{"Git-Protocol", "version=2"}};
        request.follow_redirects = true;
        Advertisement advertisement;
        const WebResponse head = receive(
            request, "application/x-git-upload-pack-advertisement",
            [&](const Packet& packet) { return advertisement.take(packet); }, [](std::size_t) {});
        move_to(head.url);
        return advertisement;
    }

    /// Follows a redirect. Within the server it leads to the same repository, so the URL's user and password go along.
    void move_to(const Url& advertised) {
        const std::string path = advertised.path();
        const std::size_t end = path.rfind("/info/refs");
        if (end == std::string::npos) {
            return;
        }
        const Url repository(advertised.server() + path.substr(0, end));
        base_ = repository.is_same_server(base_) ? base_.with_credentials_in(repository) : repository;
    }

    /// Hands on the packets of a good answer of the right kind.
    WebResponse receive(const WebRequest& request, std::string_view content_type, const Take& take,
                        const Heard& heard) {
        PacketReader reader;
        bool is_empty = true;
        bool has_ended = false;
        const auto sink = [&](const WebResponse& head, std::string_view bytes) {
            check_content_type(head, content_type);
            is_empty = is_empty && bytes.empty();
            reader.feed(bytes, [&](const Packet& packet) {
                has_ended = has_ended || take(packet);
                has_begun_ = true;
            });
            heard(bytes.size());
        };
        const WebResponse response = web_.send(request, sink);
        if (response.status != 200) {
            throw status_error(shown_, response);
        }
        check_content_type(response, content_type);
        if (is_empty) {
            // git-http-backend below version 2: its upload-pack dies of a command.
            throw transient_error("server.protocol", shown_ + " answers with nothing",
                                  "see the git server's log for the reason");
        }
        if (!has_ended) {
            throw answer_broke_off(shown_);
        }
        return response;
    }

    void check_content_type(const WebResponse& head, std::string_view wanted) const {
        const auto found = head.headers.find("content-type");
        if (found == head.headers.end() || !std::string_view(found->second).starts_with(wanted)) {
            throw transient_error("server.protocol", shown_ + " answers, but not as a git server does",
                                  "check that the URL is that of a git repository, and that no proxy or portal answers "
                                  "instead");
        }
    }

    const GitPlace& place_;
    WebClient& web_;
    Url url_;
    std::string shown_;
    Url base_;
    bool has_begun_ = false;  // an answer that was understood: it must not begin again
};

const GitTransportKind kind{.schemes = {"https", "http"},
                            .make = [](const GitPlace& place, WebClient& web, ProcessRunner&,
                                       const WebPatience&) -> std::unique_ptr<GitTransport> {
                                return std::make_unique<HttpTransport>(place, web);
                            }};
const Registered<GitTransportKind> registered(kind);

}  // namespace

}  // namespace bootwright
