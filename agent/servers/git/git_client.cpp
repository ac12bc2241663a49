#include "agent/servers/git/git_client.hpp"

#include "common/base/clock.hpp"
#include "common/base/encoding.hpp"
#include "common/base/error.hpp"
#include "common/base/retry.hpp"
#include "common/base/text.hpp"
#include "common/net/url.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace bootwright {

namespace {

constexpr std::string_view not_a_repository = "check repository.url of the role config";

Error broke_off(const std::string& shown) {
    return transient_error("repository.unreachable", "the answer of " + shown + " broke off",
                           "check that the git server is running and that this machine reaches it");
}

Error bad_url(const Url& url, const std::string& why) {
    return permanent_error("repository.url_invalid", url.shown() + ": " + why,
                           "write an https, http, ssh, git or file URL into the role config");
}

/// What ssh and git's own protocol are asked for.
std::string path_of(const Url& url) {
    if (url.target() == "/") {
        throw bad_url(url, "it names no path");
    }
    return url.plain_path();
}

/// The error for an answer over http that is no good one.
Error status_error(const std::string& shown, const WebResponse& response) {
    const std::string message = shown + " answers with HTTP status " + std::to_string(response.status);
    switch (response.status) {
        case 401:
        case 403:
            return permanent_error("repository.access_denied", message,
                                   "check the credentials: repository.credentials of agent.json, or those of the URL");
        case 404:
        case 410: return permanent_error("repository.not_found", message, std::string(not_a_repository));
        default: break;
    }
    Error error = transient_error("repository.server_error", message,
                                  "check that the git server is running, and its log for the reason");
    error.retry_after = retry_after(response.headers);
    return error;
}

/// Smart http: a POST for each command (gitprotocol-http(5)).
class HttpTransport final : public GitTransport {
public:
    HttpTransport(const GitPlace& place, CurlWebClient& web)
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
        // A redirect, a server below version 2, or no git server at all: what it advertises tells.
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
        constexpr std::array codes{"repository.protocol", "repository.refused", "repository.not_found",
                                   "repository.server_error"};
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

    /// Follows a redirect. Within the server it leads to the same repository: what the URL says of user and password goes
    /// along.
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
            throw transient_error("repository.protocol", shown_ + " answers with nothing",
                                  "see the git server's log for the reason");
        }
        if (!has_ended) {
            throw broke_off(shown_);
        }
        return response;
    }

    void check_content_type(const WebResponse& head, std::string_view wanted) const {
        const auto found = head.headers.find("content-type");
        if (found == head.headers.end() || !std::string_view(found->second).starts_with(wanted)) {
            throw transient_error("repository.protocol", shown_ + " answers, but not as a git server does",
                                  "check that the URL is that of a git repository, and that no proxy or portal answers "
                                  "instead");
        }
    }

    const GitPlace& place_;
    CurlWebClient& web_;
    Url url_;
    std::string shown_;
    Url base_;
    bool has_begun_ = false;  // an answer that was understood: it must not begin again
};

/// A way to a server that speaks first: what it says is read, then the answer to what was asked at once.
class StreamTransport : public GitTransport {
public:
    std::optional<Advertisement> command(const std::string& request, const Take& take, const Heard& heard) final {
        Advertisement advertisement = converse(true, request, take, heard);
        return advertisement.is_version_2() ? std::nullopt : std::optional(std::move(advertisement));
    }

    void old_command(const std::string& request, const Take& take, const Heard& heard) final {
        converse(false, request, take, heard);
    }

protected:
    /// A conversation of its own: sends `request`, and hands on packets until `take` has all.
    virtual void exchange(bool is_version_2, const std::string& request, const Take& take, const Heard& heard) = 0;

private:
    /// Hands on what comes after the server's advertisement, which it returns. A server that was asked in version 2 and does
    /// not speak it has nothing more to say.
    Advertisement converse(bool is_version_2, const std::string& request, const Take& take, const Heard& heard) {
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
};

/// The error for an ssh that ended without the answer; `said` is what it wrote on standard error.
Error ssh_error(const std::string& shown, const ProcessResult& result, const std::string& said) {
    const std::string low = lower(said);
    const auto says = [&](const char* part) { return low.find(part) != std::string::npos; };
    const std::string message = "cannot fetch from " + shown + ": " +
                                (said.empty() ? "ssh ended with status " + std::to_string(result.exit_code) : said);
    if (result.end == ProcessResult::End::silent) {
        return transient_error("repository.stalled", shown + " said nothing for too long",
                               "check that the server is running, and the network between");
    }
    if (says("host key verification failed") || says("host identification has changed") ||
        says("no matching host key")) {
        return permanent_error(
            "repository.server_not_trusted", message,
            "put the server's key, or the authority of its certificate, into repository.known_hosts");
    }
    if (says("permission denied") || says("access denied") || says("too many authentication failures")) {
        return permanent_error("repository.access_denied", message,
                               "check the key in repository.ssh_key of agent.json");
    }
    if (says("not appear to be a git") || says("not found") || says("does not exist") || says("no such file")) {
        return permanent_error("repository.not_found", message, std::string(not_a_repository));
    }
    return transient_error("repository.unreachable", message,
                           "check that the git server is running and that this machine reaches it");
}

class SshTransport final : public StreamTransport {
public:
    SshTransport(const GitPlace& place, ProcessRunner& processes, const WebPatience& patience)
        : shown_(place.url.shown()),
          arguments_(ssh_arguments(place, patience)),
          processes_(processes),
          patience_(patience) {}

private:
    void exchange(bool is_version_2, const std::string& request, const Take& take, const Heard& heard) override {
        ProcessRequest process{.arguments = arguments_,
                               .environment = {{"PATH", "/usr/bin:/bin"}, {"LC_ALL", "C.UTF-8"}},
                               .input = request,
                               .folder = "",
                               .timeout = std::chrono::hours(24),  // the parent's deadline ends this process and all
                               .silence = patience_.stall,
                               .grace = std::chrono::milliseconds(500),
                               .ends_family = true};
        if (is_version_2) {
            process.environment["GIT_PROTOCOL"] = "version=2";
        }
        PacketReader reader;
        bool has_ended = false;
        std::string said;
        std::stop_source enough;
        const auto on_bytes = [&](std::string_view bytes) {
            if (has_ended) {
                return;
            }
            reader.feed(bytes, [&](const Packet& packet) { has_ended = has_ended || take(packet); });
            heard(bytes.size());
            if (has_ended) {
                enough.request_stop();
            }
        };
        const auto on_error_line = [&](std::string_view line) {
            constexpr std::size_t longest = 500;
            if (said.size() < longest) {
                said += (said.empty() ? "" : "; ") + shortened(printable(trimmed(line)), longest);
            }
        };
        const ProcessEvents events{.error_line = on_error_line, .bytes = on_bytes};
        const ProcessResult result = processes_.run(process, events, enough.get_token());
        if (!has_ended) {
            throw ssh_error(shown_, result, said);
        }
    }

    std::string shown_;
    std::vector<std::string> arguments_;
    ProcessRunner& processes_;
    WebPatience patience_;
};

/// git's own port, without encryption: fit for a pin, which needs no trust (gitprotocol-pack(5), "Git Transport").
class PlainTransport final : public StreamTransport {
public:
    PlainTransport(const GitPlace& place, CurlWebClient& web) : shown_(place.url.shown()), url_(place.url), web_(web) {}

private:
    void exchange(bool is_version_2, const std::string& request, const Take& take, const Heard& heard) override {
        using namespace std::string_literals;
        constexpr int usual_port = 9418;
        const std::string host = url_.host_to_connect();
        const std::string server = host + (url_.port() == usual_port ? "" : ":" + std::to_string(url_.port()));
        std::string greeting = "git-upload-pack " + path_of(url_) + "\0host="s + server + "\0"s;
        if (is_version_2) {
            greeting += "\0version=2\0"s;
        }
        PacketReader reader;
        bool has_ended = false;
        web_.converse(host, url_.port(), packet(greeting) + request, [&](std::string_view bytes) {
            reader.feed(bytes, [&](const Packet& packet) { has_ended = has_ended || take(packet); });
            heard(bytes.size());
            return has_ended;
        });
        if (!has_ended) {
            throw broke_off(shown_);
        }
    }

    std::string shown_;
    Url url_;
    CurlWebClient& web_;
};

std::vector<std::string> name_prefixes(const GitWish& wish) {
    std::vector<std::string> prefixes;
    if (!is_commit_id(wish.revision)) {
        prefixes = {wish.revision, "refs/heads/" + wish.revision, "refs/tags/" + wish.revision};
    }
    if (wish.with_tags) {
        prefixes.emplace_back("refs/tags/");
    }
    return prefixes;
}

bool contains(const std::vector<std::string>& list, const std::string& item) {
    return std::find(list.begin(), list.end(), item) != list.end();
}

/// Asks for what a wish needs, in one of the versions.
class Fetch {
public:
    Fetch(GitTransport& transport, const GitWish& wish, const FetchAnswer::Sink& sink, const GitHeard& heard)
        : transport_(transport), wish_(wish), sink_(sink), heard_(heard) {}

    GitAnswer run() {
        const auto prefixes = name_prefixes(wish_);
        if (prefixes.empty()) {
            answer_.commit = wish_.revision;
        } else {
            RefList list;
            old_server_ = transport_.command(
                ls_refs_request(prefixes), [&](const Packet& packet) { return list.take(packet); },
                [&](std::size_t bytes) { heard_(bytes, false); });
            resolve(old_server_ ? old_server_->refs() : list.refs());
        }
        const auto wants = wanted();
        if (wants.empty()) {
            return answer_;
        }
        if (!old_server_) {
            old_server_ = fetch_by_version_2(wants);
        }
        if (old_server_) {
            fetch_from_old(*old_server_, wants);
        }
        return answer_;
    }

private:
    void resolve(const std::vector<RemoteRef>& refs) {
        const bool is_named = !is_commit_id(wish_.revision);
        const RemoteRef named = is_named ? resolve_name(refs, wish_.revision) : RemoteRef{};
        answer_.commit = is_named ? named.peeled : wish_.revision;
        for (const RemoteRef& ref : refs) {
            const bool is_tag =
                ref.peeled == answer_.commit && ref.id != ref.peeled && ref.name.starts_with("refs/tags/");
            if (is_tag && (wish_.with_tags || ref.name == named.name)) {
                answer_.tags.push_back({ref.name, ref.id});
            }
        }
    }

    [[nodiscard]] std::vector<std::string> wanted() const {
        std::vector<std::string> wants;
        if (!contains(wish_.complete, answer_.commit)) {
            wants.push_back(answer_.commit);
        }
        for (const GitTag& tag : answer_.tags) {
            if (!contains(wish_.complete, tag.id)) {
                wants.push_back(tag.id);
            }
        }
        return wants;
    }

    /// Returns the advertisement of a server that does not speak it.
    std::optional<Advertisement> fetch_by_version_2(const std::vector<std::string>& wants) {
        FetchAnswer answer(true, sink_);
        answer_.is_shallow = !wish_.with_history;
        const FetchWish fetch{wants, wish_.haves, wish_.shallow, answer_.is_shallow};
        auto old = transport_.command(fetch_request(fetch), taker(answer), listener(answer));
        answer_.has_pack = !old;
        return old;
    }

    void fetch_from_old(const Advertisement& server, std::vector<std::string> wants) {
        const auto is_advertised = [&](const std::string& id) {
            return std::any_of(server.refs().begin(), server.refs().end(),
                               [&](const RemoteRef& ref) { return ref.id == id || ref.peeled == id; });
        };
        const bool gives_any = server.has("allow-reachable-sha1-in-want") || server.has("allow-any-sha1-in-want");
        const bool gives_these = gives_any || std::all_of(wants.begin(), wants.end(), is_advertised);
        answer_.is_shallow = gives_these && server.has("shallow") && !wish_.with_history;
        if (!gives_these) {
            // It gives only what its refs point at: the commit comes with everything.
            wants.clear();
            for (const RemoteRef& ref : server.refs()) {
                if (ref.name.starts_with("refs/heads/") || ref.name.starts_with("refs/tags/")) {
                    wants.push_back(ref.id);
                }
            }
        }
        if (wants.empty()) {
            throw permanent_error("repository.revision_not_found", "the repository has no branch and no tag",
                                  "push to it, or correct repository.url of the role config");
        }
        FetchAnswer answer(false, sink_);
        const FetchWish fetch{std::move(wants), {}, {}, answer_.is_shallow};
        transport_.old_command(old_fetch_request(fetch, server), taker(answer), listener(answer));
        answer_.has_pack = true;
    }

    static GitTransport::Take taker(FetchAnswer& answer) {
        return [&](const Packet& packet) { return answer.take(packet); };
    }
    GitTransport::Heard listener(const FetchAnswer& answer) {
        return [&](std::size_t bytes) { heard_(bytes, answer.is_being_packed()); };
    }

    GitTransport& transport_;
    const GitWish& wish_;
    const FetchAnswer::Sink& sink_;
    const GitHeard& heard_;
    GitAnswer answer_{};
    std::optional<Advertisement> old_server_{};
};

}  // namespace

void RateWatch::saw(std::size_t bytes, bool is_at_work) {
    bytes_ += bytes;
    const auto now = now_();
    if (now - began_ < stall_) {
        return;
    }
    const auto seconds = std::chrono::duration<double>(now - began_).count();
    if (!is_at_work && static_cast<double>(bytes_) < seconds * static_cast<double>(least_rate_)) {
        throw transient_error("repository.stalled",
                              shown_ + " sent only " + std::to_string(bytes_) + " bytes in " + to_human(stall_),
                              "check the server and the network; repository.stall and repository.least_rate of "
                              "agent.json say how slow is too slow");
    }
    began_ = now;
    bytes_ = 0;
}

RemoteRef resolve_name(const std::vector<RemoteRef>& refs, const std::string& name) {
    std::vector<RemoteRef> found;
    for (const RemoteRef& ref : refs) {
        if (ref.name == name || ref.name == "refs/heads/" + name || ref.name == "refs/tags/" + name) {
            found.push_back(ref);
        }
    }
    if (found.empty()) {
        throw permanent_error("repository.revision_not_found", "the repository has no branch or tag \"" + name + "\"",
                              "push it, or correct repository.revision of the role config");
    }
    if (found.size() > 1) {
        throw permanent_error("repository.revision_ambiguous", "\"" + name + "\" is a branch and also a tag",
                              "write " + joined({found[0].name, found[1].name}, " or ") + " as repository.revision");
    }
    return found.front();
}

std::vector<std::string> ssh_arguments(const GitPlace& place, const WebPatience& patience) {
    const Url& url = place.url;
    const std::string& user = url.user_for_transfer();
    // The server's shell gets the path in quotes.
    std::string path;
    for (const char c : path_of(url)) {
        path += c == '\'' ? "'\\''" : std::string(1, c);
    }
    const auto seconds = std::max<long long>(std::chrono::ceil<std::chrono::seconds>(patience.connect).count(), 1);
    std::vector<std::string> arguments{"/usr/bin/ssh", "-F", "none", "-T", "-a", "-x"};
    for (const std::string& option :
         {std::string("BatchMode=yes"), std::string("IdentitiesOnly=yes"), std::string("IdentityAgent=none"),
          "IdentityFile=" + place.ssh_key.string(), "UserKnownHostsFile=" + place.known_hosts.string(),
          std::string("GlobalKnownHostsFile=none"), std::string("StrictHostKeyChecking=yes"),
          std::string("UpdateHostKeys=no"), std::string("PreferredAuthentications=publickey"),
          std::string("ClearAllForwardings=yes"), std::string("PermitLocalCommand=no"), std::string("ControlMaster=no"),
          std::string("ControlPath=none"), std::string("SendEnv=GIT_PROTOCOL"), std::string("LogLevel=ERROR"),
          "ConnectTimeout=" + std::to_string(seconds)}) {
        arguments.insert(arguments.end(), {"-o", option});
    }
    arguments.insert(arguments.end(), {"-p", std::to_string(url.port()), "-l", user.empty() ? "git" : user, "--",
                                       url.host_to_connect(), "git-upload-pack '" + path + "'"});
    return arguments;
}

std::unique_ptr<GitTransport> make_transport(const GitPlace& place, CurlWebClient& web, ProcessRunner& processes,
                                             const WebPatience& patience) {
    const Url& url = place.url;
    if (url.scheme() == "https" || url.scheme() == "http") {
        return std::make_unique<HttpTransport>(place, web);
    }
    if (url.scheme() == "ssh") {
        return std::make_unique<SshTransport>(place, processes, patience);
    }
    if (url.scheme() == "git") {
        return std::make_unique<PlainTransport>(place, web);
    }
    throw bad_url(url, "an unknown scheme");
}

GitAnswer fetch_from(GitTransport& transport, const GitWish& wish, const FetchAnswer::Sink& sink,
                     const GitHeard& heard) {
    return Fetch(transport, wish, sink, heard).run();
}

}  // namespace bootwright
