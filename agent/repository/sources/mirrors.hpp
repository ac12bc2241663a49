#pragma once

#include "agent/repository/checkout.hpp"
#include "agent/repository/fetch_events.hpp"
#include "agent/repository/fetch_request.hpp"
#include "agent/repository/sources/downloader.hpp"
#include "agent/repository/sources/place_failures.hpp"
#include "common/base/error.hpp"
#include "common/git/git.hpp"
#include "common/net/url.hpp"

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace bootwright {

/// A bare repository of this machine, and the places that have what it lacks.
struct RepositorySource {
    GitRepository repository;
    std::filesystem::path folder;             ///< of that repository
    std::vector<Url> places;                  ///< in the order in which they are asked
    std::string not_before{};                 ///< a commit that a revision must descend from, or be; empty: any will do
    std::optional<ReleaseArchive> release{};  ///< the places have this, and no repository
    std::string module{};                     ///< as that of PlaceAnswer
};

/// What was obtained.
struct ObtainedCommit {
    std::string id;
    std::vector<std::string> tags{};  ///< annotated tags that lead to it; for a tag's name at least its own
    bool is_from_seed = false;        ///< found in the seed, since no place could be asked for the name
};

/// Throws an Error if the commit is not what the image asks for. Its objects can be read from `repository`.
using CommitProof = std::function<void(const GitRepository& repository, const ObtainedCommit& commit)>;

/// Asks the places of a repository one after the other, until one has given what is proven to be the commit and all of
/// its tree: with a pin, none of them needs to be trusted. What a place gives is judged in quarantine
/// (docs/decisions/0018); what is wrong with it counts against that place.
class Mirrors {
public:
    using Heard = std::function<void(const PlaceAnswer& answer)>;

    Mirrors(const FetchRequest& request, Downloader& downloader, GitProgress progress, Heard heard);
    /// For another thread of the same fetch: ends with it.
    Mirrors(const Mirrors& other, Downloader& downloader, GitProgress progress, Heard heard);

    /// Makes the commit of a pin, or of a branch or tag, complete in the repository. For a pin that is there already,
    /// asks nobody. If no place could be asked for a name, looks it up in the seed, unless it was followed before.
    /// @param with_tags also obtains the annotated tags that lead to it
    /// @param prove is called before anything of the commit becomes the repository's
    /// @throws Error of the only place; for several places one that names what each said: repository.branch_rewritten
    ///   (permanent) if a branch has left its own past, else transient if one of theirs is. git.corrupt, io.*
    ObtainedCommit obtain(RepositorySource& source, const std::string& revision, bool with_tags,
                          const CommitProof& prove = {});

    /// As that of Downloader; ends when half of the time for all places is over.
    void fetch_ahead(const std::vector<PlacedRelease>& wanted, const std::function<void(std::size_t number)>& arrived);

    /// The full id of the commit that is cut short to `beginning`, in the history of the first place's HEAD: all of that
    /// history is fetched, since no server can be asked for the beginning of an id.
    /// @throws Error git.revision_not_found (permanent) if there is none, or more than one; as obtain()
    std::string full_id_of(RepositorySource& source, const std::string& beginning);

private:
    void bring_not_before(const RepositorySource& source, const Url& place, const std::string& revision);
    [[nodiscard]] static GitWish asked_anew(const GitWish& wish, const RepositorySource& source, const Error& error);
    [[nodiscard]] std::optional<ObtainedCommit> find_here(RepositorySource& source, const std::string& commit,
                                                          bool with_tags, const CommitProof& prove) const;
    ObtainedCommit ask(RepositorySource& source, const Url& place, const GitWish& wish, const CommitProof& prove);
    ObtainedCommit transfer(GitRepository& arrived, const Url& place, const GitWish& wish);
    ObtainedCommit copy(GitRepository& arrived, const Url& place, const GitWish& wish);
    ObtainedCommit download_snapshot(GitRepository& arrived, const Url& place, const GitWish& wish);
    ObtainedCommit download_release(GitRepository& arrived, const Url& place, const ReleaseArchive& release,
                                    const std::string& commit);
    ObtainedCommit download_pack(GitRepository& arrived, const Url& place, const GitWish& wish);
    [[nodiscard]] std::optional<ObtainedCommit> find_in_seed(RepositorySource& source, const std::string& name,
                                                             bool with_tags, const PlaceFailures& failures) const;
    [[nodiscard]] GitWish wish_for(const RepositorySource& source, const std::string& revision, bool with_tags) const;

    const FetchRequest& request_;
    Downloader& downloader_;
    GitProgress progress_;
    Heard heard_;
    std::chrono::steady_clock::time_point end_;  // of the fetch as a whole
};

}  // namespace bootwright
