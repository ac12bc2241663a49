#include "agent/repository/fetch/module_revisions.hpp"

#include "agent/repository/modules/modules.hpp"
#include "agent/repository/sources/downloader.hpp"
#include "agent/repository/sources/mirrors.hpp"
#include "common/base/clock.hpp"
#include "common/base/error.hpp"
#include "common/base/retry.hpp"
#include "common/base/side_by_side.hpp"
#include "common/base/text.hpp"
#include "common/documents/json.hpp"
#include "common/files/file.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace bootwright {

namespace {

/// The commit of the first of these names that the module's repository has.
std::string commit_of(const ModuleWish& wish, RepositorySource& source, Mirrors& mirrors) {
    std::optional<Error> not_found;
    for (const std::string& revision : wish.revisions) {
        try {
            return mirrors.obtain(source, revision, false).id;
        } catch (const Error& error) {
            if (error.code != "git.revision_not_found") {
                throw;
            }
            not_found = error;
        }
    }
    if (wish.short_commit.empty()) {
        throw *not_found;
    }
    return mirrors.obtain(source, mirrors.full_id_of(source, wish.short_commit), false).id;
}

std::string text_of(const Json& document, const char* key, const Url& url) {
    std::string text = string_at(document, key);
    if (text.empty() || !is_visible(text)) {
        throw transient_error("server.protocol", url.shown() + " is no document of the Forge: " + key + " is missing",
                              "check that the Forge's API version 3 is there");
    }
    return text;
}

/// What a git module says of itself.
std::optional<ModuleMetadata> metadata_of(const GitRepository& repository, const std::string& commit) {
    constexpr std::size_t largest = std::size_t{1} << 20U;
    try {
        const auto text = repository.read_file_of(commit, "metadata.json", largest);
        return text ? std::optional(read_module_metadata(parse_json(*text))) : std::nullopt;
    } catch (const Error& error) {  // too large, or no file
        return ModuleMetadata{.problem = error.message};
    }
}

/// What the Forge says of a release: its own document, or the newest one's in that of the module.
ResolvedModule find_release(const ModuleWish& wish, bool is_newest, Downloader& downloader) {
    const Url url = wish.url.below((is_newest ? "/v3/modules/" : "/v3/releases/") + wish.release);
    const Json answer = parse_json(downloader.fetch_document(url));
    const Json& document = is_newest ? member_at(answer, "current_release") : answer;
    const std::string file = text_of(document, "file_uri", url);
    ResolvedModule found{.version = text_of(document, "version", url),
                         .url = file.starts_with('/') ? wish.url.below(file) : Url(file),
                         .sha256 = string_at(document, "file_sha256")};
    if (!wish.sha256.empty()) {
        found.sha256 = wish.sha256;
    }
    if (const Json& metadata = member_at(document, "metadata"); !metadata.is_null()) {
        found.metadata = read_module_metadata(metadata);
    }
    return found;
}

/// Waits where the Forge asks for that, as it does of whoever asks for too much at once (429, 503), and says so.
class Patience {
public:
    explicit Patience(const FetchEvents& events) : events_(events), end_(clock_.now().since_boot + longest) {}

    template <typename Action>
    auto run(const Url& forge, const Action& action) {
        for (int attempt = 1;; ++attempt) {
            try {
                return action();
            } catch (const Error& error) {
                const auto delay = delay_after(error, attempt, policy, 1.0);
                if (error.code != "server.error" || attempt == policy.attempts ||
                    clock_.now().since_boot + delay > end_) {
                    throw;
                }
                events_.heard({forge.server(), error.message + ": asked again in " + to_human(delay), 0});
                clock_.sleep(delay, {});
            }
        }
    }

private:
    static constexpr std::chrono::minutes longest{5};  // for all modules together
    static constexpr RetryPolicy policy{5, std::chrono::seconds(1), std::chrono::seconds(10)};

    const FetchEvents& events_;
    SystemClock clock_{};
    std::chrono::milliseconds end_;
};

/// Fetches the release, to know its tree.
ResolvedModule release_of(const ModuleWish& wish, RepositorySource& source, Downloader& downloader,
                          Patience& patience) {
    const std::vector<std::string> parts = split(wish.release, '-');  // AUTHOR-NAME or AUTHOR-NAME-VERSION
    ResolvedModule found = patience.run(wish.url, [&] { return find_release(wish, parts.size() == 2, downloader); });
    const std::string message = parts.at(0) + "-" + parts.at(1) + " " + found.version;
    const auto release = patience.run(found.url, [&] {
        return downloader.fetch_release(source.repository, found.url, {found.url, found.sha256, message});
    });
    found.sha256 = release.sha256;
    found.commit = release.commit;
    found.tree = source.repository.tree_of(release.commit);
    return found;
}

/// Which modules must wait for each other: those of one git repository, which has one folder here.
std::vector<std::vector<std::size_t>> groups_of(const std::vector<ModuleWish>& wishes) {
    std::vector<std::vector<std::size_t>> groups;
    std::map<std::uint64_t, std::size_t> by_url;
    for (std::size_t i = 0; i < wishes.size(); ++i) {
        const ModuleWish& wish = wishes[i];
        const auto [found, is_new] = wish.release.empty()
                                         ? by_url.emplace(wish.url.hash_without_credentials(), groups.size())
                                         : std::pair(by_url.end(), true);
        if (is_new) {
            groups.push_back({i});
        } else {
            groups[found->second].push_back(i);
        }
    }
    return groups;
}

/// Asks for one module. @throws Error io.*, process.*, if this machine is to blame
ResolvedModule resolve(const ModuleWish& wish, const FetchRequest& request, ProcessRunner& processes,
                       const FetchEvents& events, Patience& patience) {
    Downloader downloader(request, processes, events.progress);
    const auto untold = [](const PlaceAnswer&) {};  // each module has one place
    Mirrors mirrors(request, downloader, events.progress, untold);
    try {
        if (!wish.release.empty()) {
            RepositorySource source = open_source(request, wish.url.below("/" + wish.release), {wish.url});
            return release_of(wish, source, downloader, patience);
        }
        RepositorySource source = open_source(request, wish.url, {wish.url});
        const std::string commit = commit_of(wish, source, mirrors);
        return {.commit = commit,
                .tree = source.repository.tree_of(commit),
                .metadata = metadata_of(source.repository, commit)};
    } catch (const Error& error) {
        if (error.code.starts_with("io.") || error.code.starts_with("process.")) {
            throw;
        }
        return {.problem = error};
    }
}

}  // namespace

void resolve_modules(const ModulesRequest& request, ProcessRunner& processes, const FetchEvents& events,
                     const std::function<void(const ResolvedModule&)>& tell) {
    const GitLibrary library;
    make_folder(request.fetch.repositories, 0700);
    make_folder(request.fetch.downloads, 0700);
    std::mutex mutex;
    const FetchEvents shared = one_by_one(events, mutex);
    Patience patience(shared);
    const auto groups = groups_of(request.modules);
    std::vector<std::optional<ResolvedModule>> found(request.modules.size());
    std::size_t told = 0;
    side_by_side(groups.size(), most_at_once, [&](std::size_t group) {
        FetchRequest own = request.fetch;
        own.downloads /= std::to_string(group);
        for (const std::size_t module : groups[group]) {
            ResolvedModule resolved = resolve(request.modules[module], own, processes, shared, patience);
            const std::lock_guard lock(mutex);
            found[module] = std::move(resolved);
            for (; told < found.size() && found[told]; ++told) {
                tell(*found[told]);
            }
        }
        remove_tree(own.downloads);
    });
}

}  // namespace bootwright
