#pragma once

#include "common/git/protocol.hpp"
#include "common/net/url.hpp"
#include "common/net/web.hpp"
#include "common/processes/process.hpp"

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace bootwright {

/// Where a repository is, and with what it is opened.
struct GitPlace {
    Url url;  ///< https, http, ssh or git; may hold user and password
    std::string user{};
    std::string password{};           ///< for https and http, besides what the URL says
    std::filesystem::path ssh_key{};  ///< files that this process may read; relative ones count from its working folder
    std::filesystem::path known_hosts{};
};

/// Leaves a server that is slower than can be waited for: at the end of each window of `stall` in which less than
/// `least_rate` bytes a second came. What shows that the server is at work, and says no more than that, is waited for.
class RateWatch {
public:
    using Now = std::function<std::chrono::steady_clock::time_point()>;

    RateWatch(std::string shown, std::chrono::milliseconds stall, std::uint64_t least_rate,
              Now now = std::chrono::steady_clock::now)
        : shown_(std::move(shown)), stall_(stall), least_rate_(least_rate), now_(std::move(now)), began_(now_()) {}

    /// @throws Error repository.stalled (transient)
    void saw(std::size_t bytes, bool is_at_work);

private:
    std::string shown_;
    std::chrono::milliseconds stall_;
    std::uint64_t least_rate_;
    Now now_;
    std::chrono::steady_clock::time_point began_;
    std::uint64_t bytes_ = 0;
};

/// Port: one git server, spoken to with one request and one answer at a time, so that it does not matter whether the way
/// there keeps a connection (ssh, git) or not (https).
class GitTransport {
public:
    /// Takes the answer; true: that was all of it.
    using Take = std::function<bool(const Packet& packet)>;
    /// Is told of each piece of an answer once its packets were taken.
    using Heard = std::function<void(std::size_t bytes)>;

    GitTransport() = default;
    GitTransport(const GitTransport&) = delete;
    GitTransport& operator=(const GitTransport&) = delete;
    virtual ~GitTransport() = default;

    /// A command of protocol version 2. Returns the advertisement of a server that does not speak it, and takes nothing then.
    /// @throws Error repository.*; what `take` and `heard` throw
    virtual std::optional<Advertisement> command(const std::string& request, const Take& take, const Heard& heard) = 0;
    /// A fetch below version 2. @throws Error as command
    virtual void old_command(const std::string& request, const Take& take, const Heard& heard) = 0;
};

/// @throws Error repository.url_invalid
std::unique_ptr<GitTransport> make_transport(const GitPlace& place, CurlWebClient& web, ProcessRunner& processes,
                                             const WebPatience& patience);

/// What is asked of a git server.
struct GitWish {
    std::string revision;                ///< a commit id, or the name of a branch or tag
    bool with_tags = false;              ///< all annotated tags that lead to the commit; else only the one of that name
    bool with_history = false;           ///< not the commit alone: what lies between it and what is had
    std::vector<std::string> haves{};    ///< commits that are complete here
    std::vector<std::string> shallow{};  ///< those of them without parents here
    std::vector<std::string> complete{};  ///< objects that need not be fetched
};

struct GitTag {
    std::string name;
    std::string id;  ///< of the tag object
};

struct GitAnswer {
    std::string commit;
    std::vector<GitTag> tags{};
    bool has_pack = false;    ///< nothing was to be fetched where it is false
    bool is_shallow = false;  ///< the pack holds the commit without its history
};

/// Is told of each piece of an answer; at work is a server that says no more than that, while it counts and packs.
using GitHeard = std::function<void(std::size_t bytes, bool is_at_work)>;

/// Fetches the cheapest pack that the server gives: the commit alone with protocol version 2, which every server of the last
/// years speaks; below it the tip of a ref alone; else all branches and tags with their history (docs/decisions/0003).
/// @throws Error repository.*; what `sink` and `heard` throw
GitAnswer fetch_from(GitTransport& transport, const GitWish& wish, const FetchAnswer::Sink& sink,
                     const GitHeard& heard);

/// The branch or tag of that name; `peeled` is the commit that it stands for.
/// @throws Error repository.revision_not_found, repository.revision_ambiguous (permanent)
RemoteRef resolve_name(const std::vector<RemoteRef>& refs, const std::string& name);

/// The ssh program's arguments: no agent, no configuration, no forwarding, only the host keys of the given file.
/// @throws Error repository.url_invalid
std::vector<std::string> ssh_arguments(const GitPlace& place, const WebPatience& patience);

}  // namespace bootwright
