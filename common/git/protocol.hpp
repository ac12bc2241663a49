#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bootwright {

// git's wire protocol, as far as a client that fetches speaks it. Here is only what is said and what it means; no input
// or output. Sources: gitprotocol-common(5), gitprotocol-v2(5), gitprotocol-pack(5).

/// One unit of the protocol: four digits of length, then bytes (pkt-line).
struct Packet {
    enum class Kind { data, flush, delimiter, response_end };
    Kind kind = Kind::data;
    std::string_view data{};
};

/// Cuts a stream into packets, however it arrives. A packet is 65,520 bytes at most, so that is all it ever holds.
class PacketReader {
public:
    using Take = std::function<void(const Packet&)>;

    /// @throws Error server.protocol (transient) if the bytes are no packets; what `take` throws
    void feed(std::string_view bytes, const Take& take);

private:
    /// Takes one packet from the front of `bytes`. False if it is not whole yet.
    static bool take_packet(std::string_view& bytes, const Take& take);

    std::string held_{};
};

/// A packet of data; git's own texts end with a line feed.
std::string packet(std::string_view data);

/// What the other side has under a name.
struct RemoteRef {
    std::string name;    ///< "refs/heads/main"
    std::string id;      ///< of the object: for an annotated tag, of the tag itself
    std::string peeled;  ///< of the commit that it leads to: `id`, except for annotated tags
};

/// What a server says first, unasked: its version, and below version 2 all of its refs.
class Advertisement {
public:
    /// Returns true when this packet was the last of it.
    /// @throws Error server.protocol (transient), server.refused, git.no_repository (permanent)
    bool take(const Packet& packet);

    /// True for protocol version 2, in which the refs are asked for by a command; below it they are in refs().
    [[nodiscard]] bool is_version_2() const { return version_ == 2; }
    [[nodiscard]] const std::vector<RemoteRef>& refs() const { return refs_; }
    /// Whether the server knows the capability; below version 2 only.
    [[nodiscard]] bool has(std::string_view capability) const;

private:
    void take_first(std::string_view line);
    void take_ref(std::string_view line);

    std::optional<int> version_{};
    bool is_in_banner_ = false;  // "# service=git-upload-pack" and a flush, over http
    std::vector<std::string> capabilities_{};
    std::vector<RemoteRef> refs_{};
};

/// The command ls-refs of version 2, for the refs whose names begin with one of `prefixes`.
std::string ls_refs_request(const std::vector<std::string>& prefixes);

/// Reads the answer to ls-refs.
class RefList {
public:
    /// Returns true when this packet was the last of it. @throws Error as Advertisement
    bool take(const Packet& packet);
    [[nodiscard]] const std::vector<RemoteRef>& refs() const { return refs_; }

private:
    std::vector<RemoteRef> refs_{};
};

/// What is to be fetched.
struct FetchWish {
    std::vector<std::string> wants{};    ///< ids
    std::vector<std::string> haves{};    ///< commits that are complete on this side: the server sends the difference
    std::vector<std::string> shallow{};  ///< those of them whose parents are not here
    bool only_the_commits = true;        ///< without their history
};

/// The command fetch of version 2. There is one round: all haves at once, then "done".
std::string fetch_request(const FetchWish& wish);

/// The same below version 2, after an advertisement. It says no haves.
std::string old_fetch_request(const FetchWish& wish, const Advertisement& advertisement);

/// Reads the answer to a fetch, of either version.
class FetchAnswer {
public:
    using Sink = std::function<void(std::string_view pack_bytes)>;

    FetchAnswer(bool is_version_2, Sink sink) : is_version_2_(is_version_2), sink_(std::move(sink)) {}

    /// Returns true when this packet was the last of it.
    /// @throws Error server.protocol (transient), server.refused, git.no_repository,
    /// git.revision_not_found (permanent); what the sink throws
    bool take(const Packet& packet);

    /// True while the server counts and packs: it sends signs of life, but no byte of the pack.
    [[nodiscard]] bool is_being_packed() const { return is_in_pack_ && !has_pack_byte_; }

private:
    void take_pack_packet(std::string_view data);

    bool is_version_2_;
    Sink sink_;
    bool is_in_pack_ = false;
    bool has_pack_byte_ = false;
};

}  // namespace bootwright
