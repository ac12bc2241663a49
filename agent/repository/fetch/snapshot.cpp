#include "agent/repository/fetch/snapshot.hpp"

#include "agent/repository/modules/modules.hpp"
#include "agent/repository/modules/source_policy.hpp"
#include "agent/repository/sources/downloader.hpp"
#include "agent/servers/objects/object_store.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/files/file.hpp"
#include "common/git/bundle.hpp"
#include "common/net/url.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <optional>
#include <utility>

namespace bootwright {

namespace fs = std::filesystem;

namespace {

bool takes_puppetfile(const SnapshotRequest& request) {
    return request.fetch.settings.puppetfile == AgentConfig::Repository::Puppetfile::fetch;
}

RepositorySource empty_repository(const SnapshotRequest& request) {
    make_folder(request.fetch.repositories, 0700);
    const fs::path folder = request.fetch.repositories / "snapshot.git";
    return {GitRepository::open_or_create(folder), folder, {}};
}

/// What the snapshot holds, once all of it is in the repository.
Snapshot describe(const GitRepository& repository, const std::string& revision, const std::vector<std::string>& tags,
                  const std::vector<ModuleTree>& modules) {
    const TreeSize size = repository.tree_size(revision);
    Snapshot snapshot{.revision = revision, .file = {}, .files = size.files, .bytes = size.bytes};
    for (const ModuleTree& module : modules) {
        const TreeSize more = module.repository.tree_size(module.commit);
        snapshot.files += more.files;
        snapshot.bytes += more.bytes;
        snapshot.modules.push_back({module.path, module.commit});
    }
    for (const std::string& tag : tags) {
        snapshot.tags.push_back(repository.tag_name(tag));
    }
    return snapshot;
}

// --- Making one

/// A repository on this machine, which may have been checked out together with its modules; else a URL.
class Origin {
public:
    explicit Origin(const std::string& repository) {
        const std::string text = as_git_url(repository);
        const bool is_path = text.find("://") == std::string::npos;
        const Url url = is_path ? Url() : Url(text);
        if (is_path || url.scheme() == "file") {
            folder_ = fs::absolute(is_path ? repository : url.plain_path()).lexically_normal();
            place_ = Url::of_file(folder_);
            const std::string cloned_from = as_git_url(origin_of(folder_));
            base_url_ = why_url_is_refused(cloned_from) ? place_ : Url(cloned_from);
        } else {
            place_ = base_url_ = url;
        }
        if (is_snapshot_url(place_)) {
            throw permanent_error("server.url_invalid",
                                  place_.shown() + " is a place of snapshots, not a git repository",
                                  "name a git repository with --repository: a folder, or a URL");
        }
    }

    [[nodiscard]] const Url& place() const { return place_; }
    /// What the URLs of submodules are relative to.
    [[nodiscard]] const Url& base_url() const { return base_url_; }

    /// The places of a module, the nearest first.
    [[nodiscard]] std::vector<Url> places_of(const Url& url, const std::string& path) const {
        const fs::path beside = folder_ / path;
        if (!folder_.empty() && fs::exists(beside / ".git")) {
            return {Url::of_file(beside), url};
        }
        return {url};
    }

private:
    fs::path folder_{};
    Url place_{};
    Url base_url_{};
};

/// Gives advice for the maker of a snapshot, whom the role config does not concern. Not for errors of its modules: those
/// name the line of the repository that has to be corrected.
template <typename Action>
auto with_advice_for_a_maker(const std::string& revision, Action action) {
    try {
        return action();
    } catch (Error& error) {
        if (error.code == "git.revision_not_found") {
            error.advice =
                "push or fetch " + revision +
                " there; name a full commit id (`git rev-parse REVISION` prints it), a branch, a tag or HEAD";
        } else if (error.code == "git.no_repository") {
            error.advice = "name the repository with --repository: a folder, or a URL";
        }
        throw;
    }
}

Snapshot make(const SnapshotRequest& request, ProcessRunner& processes, const FetchEvents& events) {
    const std::string& revision = request.fetch.revision;
    const Origin origin = with_advice_for_a_maker(revision, [&] { return Origin(request.repository); });
    RepositorySource source = empty_repository(request);
    source.places = {origin.place()};
    Downloader downloader(request.fetch, processes, events.progress);
    Mirrors mirrors(request.fetch, downloader, events.progress, events.heard);
    const ObtainedCommit commit =
        with_advice_for_a_maker(revision, [&] { return mirrors.obtain(source, revision, true); });
    refuse_unconverted_files(source.repository, commit.id, "");

    const auto obtain = [&](const WantedModule& module) {
        RepositorySource own{source.repository, source.folder, {module.url}};
        own.release = module.release;
        if (!module.release) {
            own.places = origin.places_of(module.url, module.path);
        }
        mirrors.obtain(own, module.commit, false);
        return std::optional(own.repository);
    };
    const auto modules =
        gather_modules(source.repository, commit.id, origin.base_url(), takes_puppetfile(request), obtain);
    std::vector<std::string> commits{commit.id};
    for (const ModuleTree& module : modules) {
        refuse_unconverted_files(module.repository, module.commit, module.path + "/");
        if (std::find(commits.begin(), commits.end(), module.commit) == commits.end()) {
            commits.push_back(module.commit);
        }
    }
    Snapshot snapshot = describe(source.repository, commit.id, commit.tags, modules);
    snapshot.file = request.output / (commit.id + ".bundle");
    source.repository.write_bundle(commits, commit.tags, snapshot.file);
    return snapshot;
}

// --- Looking into one

Error damaged(const fs::path& file, const std::string& why) {
    return permanent_error("git.snapshot_invalid", file.string() + ": " + why,
                           "make it anew: `bootwright snapshot make`");
}

BundleHeader import_bundle(const fs::path& file, const GitRepository& repository, const GitProgress& progress) {
    std::ifstream input(file, std::ios::binary);
    if (!input) {
        throw system_call_error("open", file.string(), errno);
    }
    BundleReader reader;
    GitPackImport import(repository, progress);
    std::array<char, std::size_t{128} << 10U> buffer{};
    try {
        while (input.read(buffer.data(), buffer.size()) || input.gcount() > 0) {
            reader.feed({buffer.data(), static_cast<std::size_t>(input.gcount())},
                        [&](std::string_view pack) { import.append(pack); });
        }
        if (!reader.header()) {
            throw damaged(file, "it ends within its header");
        }
        import.finish();
    } catch (const Error& error) {
        throw error.code == "git.pack_damaged" ? damaged(file, error.message) : error;
    }
    return *reader.header();
}

/// The revision that is asked for, or that the file's name says, or the first of the file that is no tag.
std::string revision_in(const BundleHeader& header, const GitRepository& repository, const fs::path& file,
                        const std::string& wanted) {
    const std::string name = file.stem();
    if (!wanted.empty() || is_commit_id(name)) {
        return wanted.empty() ? name : wanted;
    }
    const auto found = std::find_if(header.refs.begin(), header.refs.end(),
                                    [&](const auto& ref) { return repository.has_commit(ref.first); });
    return (found == header.refs.end() ? header.refs.front() : *found).first;
}

Snapshot look_into(const SnapshotRequest& request, const FetchEvents& events) {
    const fs::path& file = request.look_into;
    const RepositorySource source = empty_repository(request);
    const GitRepository& repository = source.repository;
    const BundleHeader header = import_bundle(file, repository, events.progress);
    if (!header.prerequisites.empty()) {
        throw damaged(file, "it needs commit " + header.prerequisites.front() + ", which it does not hold");
    }
    const std::string revision = revision_in(header, repository, file, request.fetch.revision);
    if (!repository.has_commit(revision)) {
        throw permanent_error("git.revision_not_found",
                              file.string() + " does not hold commit " + revision + "; its first reference is " +
                                  header.refs.front().first + " " + header.refs.front().second,
                              "make one of that commit: `bootwright snapshot make --revision " + revision + "`");
    }
    if (const auto missing = repository.first_missing(revision)) {
        throw damaged(file, "commit " + revision + " lacks " + (missing->empty() ? "its tree" : *missing));
    }
    std::vector<std::string> tags;
    for (const auto& [id, name] : header.refs) {
        if (repository.has_tag(id) && repository.follow_tag(id).target == revision) {
            tags.push_back(id);
        }
    }
    std::vector<Snapshot::Module> missing;
    const auto leave_out = [&](const WantedModule& module) {
        missing.push_back({module.path, module.commit});
        return std::optional<GitRepository>();
    };
    const auto modules = gather_modules(repository, revision, "", takes_puppetfile(request), leave_out);
    Snapshot snapshot = describe(repository, revision, tags, modules);
    snapshot.file = file;
    snapshot.missing = std::move(missing);
    return snapshot;
}

}  // namespace

Snapshot take_snapshot(const SnapshotRequest& request, ProcessRunner& processes, const FetchEvents& events) {
    const GitLibrary library;
    if (!request.look_into.empty()) {
        return look_into(request, events);
    }
    return make(request, processes, events);
}

}  // namespace bootwright
