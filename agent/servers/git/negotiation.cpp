#include "agent/servers/git/negotiation.hpp"

#include "common/base/error.hpp"
#include "common/base/text.hpp"

#include <algorithm>
#include <utility>

namespace bootwright {

namespace {

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
            // The server gives only what its refs point at: the commit comes with everything.
            wants.clear();
            for (const RemoteRef& ref : server.refs()) {
                if (ref.name.starts_with("refs/heads/") || ref.name.starts_with("refs/tags/")) {
                    wants.push_back(ref.id);
                }
            }
        }
        if (wants.empty()) {
            throw permanent_error("git.revision_not_found", "the repository has no branch and no tag",
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

RemoteRef resolve_name(const std::vector<RemoteRef>& refs, const std::string& name) {
    std::vector<RemoteRef> found;
    for (const RemoteRef& ref : refs) {
        if (ref.name == name || ref.name == "refs/heads/" + name || ref.name == "refs/tags/" + name) {
            found.push_back(ref);
        }
    }
    if (found.empty()) {
        throw permanent_error("git.revision_not_found", "the repository has no branch or tag \"" + name + "\"",
                              "push it, or correct repository.revision of the role config");
    }
    if (found.size() > 1) {
        throw permanent_error("git.revision_ambiguous", "\"" + name + "\" is a branch and also a tag",
                              "write " + joined({found[0].name, found[1].name}, " or ") + " as repository.revision");
    }
    return found.front();
}

GitAnswer fetch_from(GitTransport& transport, const GitWish& wish, const FetchAnswer::Sink& sink,
                     const GitHeard& heard) {
    return Fetch(transport, wish, sink, heard).run();
}

}  // namespace bootwright
