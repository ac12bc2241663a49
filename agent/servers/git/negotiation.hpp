#pragma once

#include "agent/servers/git/transport.hpp"

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace bootwright {

/// What is asked of a git server.
struct GitWish {
    std::string revision;                ///< a commit id, or the name of a branch or tag
    bool with_tags = false;              ///< all annotated tags that lead to the commit; else only the one of that name
    bool with_history = false;           ///< not only the commit: also the history between it and `haves`
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
    bool has_pack = false;    ///< false: there was nothing to fetch
    bool is_shallow = false;  ///< the pack holds the commit without its history
};

/// Gets the size of each piece of an answer. `is_at_work`: a server that counts and packs only shows signs of life.
using GitHeard = std::function<void(std::size_t bytes, bool is_at_work)>;

/// Fetches the cheapest pack that the server gives: the commit alone with protocol version 2, which every server of the last
/// years speaks; below it the tip of a ref alone; else all branches and tags with their history (docs/decisions/0003).
/// @throws Error repository.*; what `sink` and `heard` throw
GitAnswer fetch_from(GitTransport& transport, const GitWish& wish, const FetchAnswer::Sink& sink,
                     const GitHeard& heard);

/// The branch or tag of that name; `peeled` is the commit that it stands for.
/// @throws Error git.revision_not_found, git.revision_ambiguous (permanent)
RemoteRef resolve_name(const std::vector<RemoteRef>& refs, const std::string& name);

}  // namespace bootwright
