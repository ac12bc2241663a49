#include "agent/repository/sources/mirrors.hpp"

#include "agent/repository/sources/followed.hpp"
#include "agent/servers/git/negotiation.hpp"
#include "agent/servers/objects/object_store.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/net/url.hpp"

#include <algorithm>
#include <chrono>
#include <iostream>
#include <system_error>
#include <utility>

namespace bootwright {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t most_haves = 16;  // more would say nothing new

/// A seed that cannot be read makes a fetch larger, but does not stop it.
std::vector<GitRef> refs_of_seed(const fs::path& seed) {
    std::error_code ignored;
    try {
        return fs::is_directory(seed, ignored) ? local_refs(seed) : std::vector<GitRef>{};
    } catch (const Error& error) {
        std::cerr << "the seed is of no use: " << error.message << '\n';
        return {};
    }
}

Error incomplete(const Url& place, const std::string& commit, const std::string& missing) {
    return transient_error(
        "repository.incomplete",
        place.shown() + " gave commit " + commit + " without " + (missing.empty() ? "its own object" : missing),
        "check that repository there with `git fsck`; the other mirrors are asked meanwhile");
}

std::vector<RemoteRef> as_remote(const std::vector<GitRef>& refs) {
    std::vector<RemoteRef> remote;
    remote.reserve(refs.size());
    for (const GitRef& ref : refs) {
        remote.push_back({ref.name, ref.tag_id.empty() ? ref.commit_id : ref.tag_id, ref.commit_id});
    }
    return remote;
}

std::vector<std::string> tags_of(const std::vector<GitRef>& refs, const std::string& commit) {
    std::vector<std::string> tags;
    for (const GitRef& ref : refs) {
        if (!ref.tag_id.empty() && ref.commit_id == commit) {
            tags.push_back(ref.tag_id);
        }
    }
    return tags;
}

void proven(const GitRepository& repository, const ObtainedCommit& commit, const CommitProof& prove) {
    if (prove) {
        prove(repository, commit);
    }
}

/// The tag object, if the name is an annotated tag's.
std::vector<std::string> own_tag(const RemoteRef& ref) {
    return ref.id == ref.peeled ? std::vector<std::string>{} : std::vector<std::string>{ref.id};
}

}  // namespace

Mirrors::Mirrors(const FetchRequest& request, Downloader& downloader, GitProgress progress, Heard heard)
    : request_(request),
      downloader_(downloader),
      progress_(std::move(progress)),
      heard_(std::move(heard)),
      end_(std::chrono::steady_clock::now() + request.settings.timeout) {}

Mirrors::Mirrors(const Mirrors& other, Downloader& downloader, GitProgress progress, Heard heard)
    : request_(other.request_),
      downloader_(downloader),
      progress_(std::move(progress)),
      heard_(std::move(heard)),
      end_(other.end_) {}

GitWish Mirrors::wish_for(const RepositorySource& source, const std::string& revision, bool with_tags) const {
    GitWish wish{.revision = revision, .with_tags = with_tags};
    const std::string followed = is_commit_id(revision) ? "" : Followed(source.folder).commit_of(revision);
    std::vector<std::string> candidates = source.repository.kept();
    if (!source.not_before.empty() && revision != source.not_before) {
        // The history between shows that it descends from there.
        wish.with_history = true;
        candidates.insert(candidates.begin(), source.not_before);
    }
    if (!followed.empty()) {
        // The history between shows whether the branch has gone on from there. If that commit is lost, its history may
        // bring it back.
        wish.with_history = wish.with_history || !request_.settings.allow_rewritten_branches;
        candidates.insert(candidates.begin(), followed);
    }
    for (const GitRef& ref : refs_of_seed(request_.settings.seed)) {
        candidates.push_back(ref.commit_id);
    }
    for (const std::string& commit : candidates) {
        const bool is_new = std::find(wish.haves.begin(), wish.haves.end(), commit) == wish.haves.end();
        if (is_new && wish.haves.size() < most_haves && source.repository.has_commit(commit)) {
            wish.haves.push_back(commit);
            if (source.repository.is_shallow(commit)) {
                wish.shallow.push_back(commit);
            }
        }
    }
    wish.complete = wish.haves;
    return wish;
}

/// A pin that is on this machine already.
std::optional<ObtainedCommit> Mirrors::find_here(RepositorySource& source, const std::string& commit, bool with_tags,
                                                 const CommitProof& prove) const {
    if (!source.repository.is_complete(commit)) {
        return std::nullopt;
    }
    ObtainedCommit there{commit, source.repository.kept_tags(commit)};
    for (const std::string& tag :
         with_tags ? tags_of(refs_of_seed(request_.settings.seed), commit) : std::vector<std::string>{}) {
        if (source.repository.has_tag(tag)) {
            there.tags.push_back(tag);
        }
    }
    if (with_tags && there.tags.empty()) {
        return std::nullopt;
    }
    try {
        proven(source.repository, there, prove);
    } catch (const Error& error) {
        const bool may_have_other_tag =
            with_tags && error.kind == ErrorKind::permanent && !ends_the_search(error, true);
        if (may_have_other_tag || error.code == "repository.descent_unknown") {
            return std::nullopt;  // a place may have more of it
        }
        throw;
    }
    source.repository.keep(commit, there.tags);
    return there;
}

ObtainedCommit Mirrors::obtain(RepositorySource& source, const std::string& revision, bool with_tags,
                               const CommitProof& prove) {
    const bool is_pinned = is_commit_id(revision);
    if (is_pinned) {
        source.repository.refuse_other_object(revision);
    }
    if (auto there = is_pinned ? find_here(source, revision, with_tags, prove) : std::nullopt) {
        return *there;
    }
    // A commit is signed the same wherever it comes from.
    const auto says_it_of_all = [&](const Error& error) {
        return is_pinned && !with_tags && error.code.starts_with("repository.signature_");
    };
    PlaceFailures failures;
    for (const Url& place : source.places) {
        const auto began = std::chrono::steady_clock::now();
        // Half of the time left: a place that never ends leaves time for others. The agent itself ends the last one.
        const bool is_last = &place == &source.places.back();
        downloader_.give_up_at(is_last ? std::chrono::steady_clock::time_point::max() : began + (end_ - began) / 2);
        const auto tell = [&](const std::string& said) {
            const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
            heard_({place.shown(), said, took.count(), source.module});
        };
        try {
            if (!is_pinned) {
                refuse_unproven_name(request_.settings, place);
            }
            bring_not_before(source, place, revision);
            ObtainedCommit obtained = ask(source, place, wish_for(source, revision, with_tags), prove);
            source.repository.keep(obtained.id, obtained.tags);
            tell(gave_it);
            return obtained;
        } catch (const Error& error) {
            tell(error.message + " (" + error.code + ")");
            if (ends_the_search(error, is_pinned) || says_it_of_all(error)) {
                throw;
            }
            failures.emplace_back(place, error);
        }
    }
    if (auto obtained = is_pinned ? std::nullopt : find_in_seed(source, revision, with_tags, failures)) {
        proven(source.repository, *obtained, prove);
        source.repository.keep(obtained->id, obtained->tags);
        heard_({request_.settings.seed.string(), std::string(gave_it) + ", as no place answered", 0, source.module});
        return *obtained;
    }
    throw none_has_it(failures);
}

void Mirrors::fetch_ahead(const std::vector<PlacedRelease>& wanted,
                          const std::function<void(std::size_t number)>& arrived) {
    const auto now = std::chrono::steady_clock::now();
    downloader_.give_up_at(now + (end_ - now) / 2);
    downloader_.fetch_ahead(wanted, arrived);
}

std::string Mirrors::full_id_of(RepositorySource& source, const std::string& beginning) {
    const Url& place = source.places.front();
    refuse_unproven_name(request_.settings, place);
    std::string found;
    const auto look = [&](const GitRepository& repository, const ObtainedCommit&) {
        found = repository.find_commit_by(beginning).value_or("");
        if (found.empty()) {
            throw permanent_error("git.revision_not_found",
                                  place.shown() + " has no branch or tag \"" + beginning +
                                      "\", and no commit, or more than one, in the history of its HEAD begins so",
                                  "write the full commit id: `git rev-parse " + beginning + "` prints it");
        }
    };
    const GitWish wish{.revision = "HEAD", .with_history = true};
    ask(source, place, wish, look);
    return found;
}

/// Where a name led when the image was made, for the first start without a network. Not if a place has refused, nor
/// after the name was once followed: that would lead back. The seed's commit does not count as followed either: the
/// branch may have been rewritten since then, before this machine had ever asked for it.
std::optional<ObtainedCommit> Mirrors::find_in_seed(RepositorySource& source, const std::string& name, bool with_tags,
                                                    const PlaceFailures& failures) const {
    const auto is_transient = [](const auto& failure) { return failure.second.kind == ErrorKind::transient; };
    const std::vector<GitRef> refs = refs_of_seed(request_.settings.seed);
    if (refs.empty() || !std::all_of(failures.begin(), failures.end(), is_transient) ||
        !Followed(source.folder).commit_of(name).empty()) {
        return std::nullopt;
    }
    try {
        const RemoteRef ref = resolve_name(as_remote(refs), name);
        if (!source.repository.is_complete(ref.peeled)) {
            return std::nullopt;
        }
        return ObtainedCommit{ref.peeled, with_tags ? tags_of(refs, ref.peeled) : own_tag(ref), true};
    } catch (const Error& error) {
        std::cerr << "the seed is of no use: " << error.message << '\n';
        return std::nullopt;
    }
}

/// Fetches the commit of repository.not_before itself: a server then gives the history between it and the revision.
void Mirrors::bring_not_before(const RepositorySource& source, const Url& place, const std::string& revision) {
    const std::string& commit = source.not_before;
    if (commit.empty() || revision == commit || is_snapshot_url(place) || source.repository.has_commit(commit)) {
        return;
    }
    RepositorySource own{source.repository, source.folder, {}};
    try {
        ask(own, place, wish_for(own, commit, false), {});
        own.repository.keep(commit);
    } catch (Error& error) {
        error.message = "commit " + commit + " of repository.not_before: " + error.message;
        throw;
    }
}

/// What to ask for once more, with nothing taken as known except the commit from which on the history is wanted.
/// Nothing before that one counts as known either, or a server would leave out what shows that an older one is older.
GitWish Mirrors::asked_anew(const GitWish& wish, const RepositorySource& source, const Error& error) {
    GitWish whole = wish;
    const bool is_from_there =
        error.code == "repository.descent_unknown" && source.repository.has_commit(source.not_before);
    whole.haves = is_from_there ? std::vector<std::string>{source.not_before} : std::vector<std::string>{};
    whole.shallow = whole.haves;
    whole.complete = whole.haves;
    return whole;
}

ObtainedCommit Mirrors::ask(RepositorySource& source, const Url& place, const GitWish& wish, const CommitProof& prove) {
    const auto ask_once = [&](const GitWish& asked) {
        GitQuarantine quarantine(source.repository);
        ObtainedCommit obtained;
        quarantine.judge([&](GitRepository& arrived) {
            obtained = source.release ? download_release(arrived, place, *source.release, asked.revision)
                                      : transfer(arrived, place, asked);
            if (is_commit_id(asked.revision)) {
                arrived.refuse_other_object(asked.revision);
            }
            if (const auto missing = arrived.first_missing(obtained.id)) {
                throw incomplete(place, obtained.id, *missing);
            }
            if (!is_commit_id(asked.revision) && !request_.settings.allow_rewritten_branches) {
                require_descent(arrived, place, asked.revision, obtained.id);
            }
            proven(arrived, obtained, prove);
        });
        quarantine.publish();
        return obtained;
    };
    GitWish whole;
    try {
        return ask_once(wish);
    } catch (const Error& error) {
        const bool may_be_the_difference = error.code == "repository.incomplete" || error.code == "git.pack_damaged" ||
                                           error.code == "repository.descent_unknown";
        whole = asked_anew(wish, source, error);
        if (!may_be_the_difference || wish.haves == whole.haves) {
            throw;
        }
    }
    return ask_once(whole);
}

ObtainedCommit Mirrors::transfer(GitRepository& arrived, const Url& place, const GitWish& wish) {
    return place.scheme() == "file" ? copy(arrived, place, wish)
           : is_snapshot_url(place) ? download_snapshot(arrived, place, wish)
                                    : download_pack(arrived, place, wish);
}

ObtainedCommit Mirrors::copy(GitRepository& arrived, const Url& place, const GitWish& wish) {
    const fs::path other = place.plain_path();
    const std::vector<GitRef> refs = local_refs(other);
    ObtainedCommit obtained{wish.revision};
    if (!is_commit_id(wish.revision)) {
        const RemoteRef ref = resolve_name(as_remote(refs), wish.revision);
        obtained = {ref.peeled, own_tag(ref)};
    }
    if (wish.with_tags) {
        obtained.tags = tags_of(refs, obtained.id);
    }
    arrived.copy_commit_from(other, obtained.id, obtained.tags, progress_);
    if (wish.with_history) {
        const bool is_bare = !fs::is_directory(other / ".git");
        arrived.add_alternate(is_bare ? other : other / ".git");  // its history may be looked at, and is not copied
    }
    return obtained;
}

ObtainedCommit Mirrors::download_snapshot(GitRepository& arrived, const Url& place, const GitWish& wish) {
    if (!is_commit_id(wish.revision)) {
        throw permanent_error("git.revision_not_found",
                              place.shown() + " holds snapshots of full commit ids, not of names",
                              "pin a full commit id, or list a git URL too");
    }
    const BundleHeader header = downloader_.fetch_snapshot(arrived, place, wish.revision);
    arrived.refuse_other_object(wish.revision);
    if (!arrived.has_commit(wish.revision)) {
        throw permanent_error(
            "git.snapshot_invalid",
            place.shown() + " gave a snapshot of " + header.refs.front().first + ", not of " + wish.revision,
            "put the right file there: `bootwright snapshot make --revision " + wish.revision + "`");
    }
    ObtainedCommit obtained{wish.revision};
    for (const auto& [id, name] : header.refs) {
        if (wish.with_tags && arrived.has_tag(id)) {
            obtained.tags.push_back(id);
        }
    }
    return obtained;
}

ObtainedCommit Mirrors::download_release(GitRepository& arrived, const Url& place, const ReleaseArchive& release,
                                         const std::string& commit) {
    if (downloader_.fetch_release(arrived, place, release).commit != commit) {
        throw permanent_error("repository.release_invalid",
                              place.shown() + " gives " + release.message + " with other files than the lock names",
                              "run `bootwright modules lock --update` where the release is trusted, and compare");
    }
    return {commit};
}

ObtainedCommit Mirrors::download_pack(GitRepository& arrived, const Url& place, const GitWish& wish) {
    const GitAnswer answer = downloader_.fetch(arrived, place, wish);
    // The program that spoke to the server is not trusted either.
    if (!is_commit_id(answer.commit) || (is_commit_id(wish.revision) && answer.commit != wish.revision)) {
        throw transient_error("server.protocol", place.shown() + " answers with another commit", "check the server");
    }
    const bool may_have_tags = wish.with_tags || !is_commit_id(wish.revision);
    ObtainedCommit obtained{answer.commit};
    for (const GitTag& tag : answer.tags) {
        if (may_have_tags && is_commit_id(tag.id) && arrived.has_tag(tag.id)) {
            obtained.tags.push_back(tag.id);
        }
    }
    return obtained;
}

}  // namespace bootwright
