#pragma once

#include "common/base/error.hpp"
#include "common/base/registered.hpp"
#include "common/git/protocol.hpp"
#include "common/net/url.hpp"
#include "common/net/web.hpp"
#include "common/processes/process.hpp"

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bootwright {

/// Where a repository is, and the credentials that open it.
struct GitPlace {
    Url url;  ///< https, http, ssh or git; may hold user and password
    std::string user{};
    std::string password{};           ///< for https and http, besides what the URL says
    std::filesystem::path ssh_key{};  ///< files that this process may read; relative ones count from its working folder
    std::filesystem::path known_hosts{};
};

/// Port: one git server. There is one request and one answer at a time, so that it does not matter whether the
/// transport keeps a connection (ssh, git) or not (https).
class GitTransport {
public:
    /// Takes a packet of the answer; returns true for the last one.
    using Take = std::function<bool(const Packet& packet)>;
    /// Gets the size of each piece of an answer, after its packets were taken.
    using Heard = std::function<void(std::size_t bytes)>;

    GitTransport() = default;
    GitTransport(const GitTransport&) = delete;
    GitTransport& operator=(const GitTransport&) = delete;
    virtual ~GitTransport() = default;

    /// A command of protocol version 2. If the server does not speak it, returns its advertisement and takes nothing.
    /// @throws Error repository.*; what `take` and `heard` throw
    virtual std::optional<Advertisement> command(const std::string& request, const Take& take, const Heard& heard) = 0;
    /// Sends a fetch below version 2. @throws Error as command
    virtual void old_command(const std::string& request, const Take& take, const Heard& heard) = 0;
};

/// A transport on which the server speaks first. The request is sent at once; then the advertisement is read, then the
/// answer.
class StreamTransport : public GitTransport {
public:
    std::optional<Advertisement> command(const std::string& request, const Take& take, const Heard& heard) final;

    void old_command(const std::string& request, const Take& take, const Heard& heard) final;

protected:
    /// In a connection of its own, sends `request` and hands on packets until `take` has all.
    virtual void exchange(bool is_version_2, const std::string& request, const Take& take, const Heard& heard) = 0;

private:
    /// Returns the server's advertisement, and hands on what comes after it. A server that does not speak version 2,
    /// but was asked in it, says nothing more.
    Advertisement converse(bool is_version_2, const std::string& request, const Take& take, const Heard& heard);
};

/// One file each, which registers it.
struct GitTransportKind {
    std::vector<std::string_view> schemes;
    /// @throws Error server.url_invalid
    std::unique_ptr<GitTransport> (*make)(const GitPlace& place, WebClient& web, ProcessRunner& processes,
                                          const WebPatience& patience);
};

/// The transport of the URL's scheme. @throws Error server.url_invalid
std::unique_ptr<GitTransport> make_transport(const GitPlace& place, WebClient& web, ProcessRunner& processes,
                                             const WebPatience& patience);

/// The path to ask for over ssh and git's own protocol, as git does it (connect.c, parse_connect_url): "/~/x" is asked
/// for as "~/x". Over ssh, "/./x" is asked for as "x": in the folder where the server puts the user, like host:x of git.
/// @throws Error server.url_invalid
std::string path_of(const Url& url);

/// The advice of git.no_repository and others.
constexpr std::string_view not_a_repository = "check repository.url of the role config";

/// server.unreachable, transient.
Error answer_broke_off(const std::string& shown);

}  // namespace bootwright
