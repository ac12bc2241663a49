#include "agent/repository/fetch/between.hpp"

#include "agent/repository/fetch_outcome.hpp"
#include "agent/repository/modules/module_lock.hpp"
#include "agent/repository/modules/puppetfile.hpp"
#include "agent/repository/sources/downloader.hpp"
#include "agent/servers/objects/object_store.hpp"
#include "common/base/text.hpp"
#include "common/files/file.hpp"
#include "common/git/git.hpp"

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace bootwright {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t most_commits = 200;
constexpr std::size_t most_files = 1000;
constexpr std::size_t largest_text = std::size_t{1} << 20U;

/// All that this machine has of repositories: a commit is the same in each of them.
std::vector<fs::path> repositories_here(const BetweenRequest& request) {
    std::vector<fs::path> found = request.seeds;
    std::error_code error;  // there need not be any
    for (fs::directory_iterator at(request.kept, error), end; !error && at != end; at.increment(error)) {
        if (at->path().extension() == ".git") {
            found.push_back(at->path());
        }
    }
    return found;
}

/// Tells what can be told. Whatever is wrong with what is here, the rest is not.
template <typename Tell>
void tell_if_it_can_be_read(const Tell& tell) {
    try {
        tell();
    } catch (const Error& error) {
        std::cerr << error.message << '\n';
    }
}

std::vector<Between::Commit> commits_of(const GitRepository& repository, const std::vector<std::string>& ids,
                                        const Redactor& redactor) {
    std::vector<Between::Commit> commits;
    for (const std::string& id : ids) {
        if (commits.size() == most_commits) {
            break;
        }
        const CommitText text = repository.commit_text(id);
        CommitWords words{.subject = text.subject, .author = text.author, .written = text.time};
        commits.push_back({id, fit_to_be_shown(cleaned(std::move(words), redactor))});
    }
    return commits;
}

/// Tells the commits if all of them are there.
void tell_commits(Between& between, const BetweenRequest& request, const GitRepository& repository) {
    const CommitsBetween commits = repository.commits_between(request.before, request.after);
    if (!commits.is_whole) {
        return;
    }
    const Redactor redactor = secrets_of(request.fetch);
    between.has_commits = true;
    between.added = commits_of(repository, commits.added, redactor);
    between.removed = commits_of(repository, commits.removed, redactor);
    between.added_count = commits.added.size();
    between.removed_count = commits.removed.size();
}

// --- Modules

/// By the path of the module.
using Versions = std::map<std::string, std::string>;

std::string short_id(const std::string& revision) {
    constexpr std::size_t digits = 7;
    return is_commit_id(revision) ? revision.substr(0, digits) : revision;
}

/// What the Puppetfile of a commit asks for, and its lock says that it is.
/// @throws Error repository.puppetfile, repository.module_lock (permanent)
void add_puppetfile(Versions& versions, const GitRepository& repository, const std::string& commit) {
    const auto text = repository.read_file_of(commit, "Puppetfile", largest_text);
    if (!text) {
        return;
    }
    const auto lock_text = repository.read_file_of(commit, module_lock_name, largest_text);
    const ModuleLock lock = lock_text ? read_module_lock(*lock_text) : ModuleLock();
    for (const PuppetfileDeclaration& module : read_puppetfile(*text, [](const std::string&) { return false; })) {
        const LockedModule* locked = find_locked(lock, module.path);
        const std::string declared = module.revision.empty() ? "the newest" : short_id(module.revision);
        versions[module.path] =
            locked == nullptr ? declared
            : locked->release ? locked->release->version
                              : declared + (is_commit_id(module.revision) ? "" : " (" + short_id(locked->commit) + ")");
    }
}

Versions versions_of(const GitRepository& repository, const std::string& commit) {
    Versions versions;
    add_puppetfile(versions, repository, commit);
    for (const Submodule& module : repository.submodules(commit)) {
        versions[module.path] = short_id(module.commit_id);
    }
    return versions;
}

/// The version that a vendored module calls itself.
std::string vendored_version(const GitRepository& repository, const std::string& commit, const std::string& file) {
    try {
        const auto text = repository.read_file_of(commit, file, largest_text);
        return text ? string_at(parse_json(*text), "version") : "";
    } catch (const Error&) {
        return "";
    }
}

/// Tells none if a Puppetfile cannot be read: half of them would look like new ones.
void tell_modules(Between& between, const BetweenRequest& request, const GitRepository& repository,
                  const std::set<std::string>& changed_metadata) {
    Versions before = versions_of(repository, request.before);
    Versions after = versions_of(repository, request.after);
    for (const std::string& file : changed_metadata) {
        const std::string module = fs::path(file).parent_path().string();
        before[module] = vendored_version(repository, request.before, file);
        after[module] = vendored_version(repository, request.after, file);
    }
    Versions names = before;
    names.insert(after.begin(), after.end());
    for (const auto& [name, version] : names) {
        if (before[name] != after[name]) {
            between.modules.push_back({name, before[name], after[name]});
        }
    }
}

/// True for the metadata.json of a module in a folder of modules.
bool is_metadata_of_module(const std::string& path) {
    const fs::path file(path);
    return file.filename() == "metadata.json" && std::distance(file.begin(), file.end()) == 3;
}

void tell_files(Between& between, const BetweenRequest& request, const GitRepository& repository) {
    std::set<std::string> changed_metadata;
    between.has_files = repository.each_file_between(request.before, request.after, [&](const FileChange& file) {
        if (is_metadata_of_module(file.path)) {
            changed_metadata.insert(file.path);
        }
        if (++between.files_count <= most_files) {
            between.files.push_back({std::string(1, file.kind), file.path});
        }
    });
    if (between.has_files) {
        tell_if_it_can_be_read([&] { tell_modules(between, request, repository, changed_metadata); });
    }
}

// --- The history that is not here

/// The history between two commits, from a git server: with protocol version 2 exactly what the one comes from and the
/// other does not. What has been removed here since the two were applied is fetched, too.
class Deepening {
public:
    Deepening(const BetweenRequest& request, ProcessRunner& processes, const GitProgress& progress,
              const GitRepository& here)
        : request_(request), downloader_(request.fetch, processes, progress), here_(here) {
        constexpr std::uint64_t largest_pack = std::uint64_t{256} << 20U;
        downloader_.take_at_most(request.fetch.settings.timeout, largest_pack);
    }

    void run(Between& between) {
        for (const Url& place : request_.fetch.places) {
            if (is_snapshot_url(place)) {
                continue;  // it has no history
            }
            try {
                ask(between, place);
            } catch (const Error& error) {
                between.not_deepened = between.not_deepened ? between.not_deepened : error;
            }
            if (between.has_commits) {
                between.not_deepened.reset();
                return;
            }
        }
    }

private:
    void ask(Between& between, const Url& place) {
        for (const std::string& commit : {request_.before, request_.after}) {
            if (!here_.is_complete(commit)) {
                downloader_.fetch(here_, place, {.revision = commit});
            }
        }
        // Of itself it has what the place gives, and no more: what is here may be older than both.
        const fs::path given = request_.fetch.repositories / "given.git";
        remove_tree(given);
        std::optional<Error> problem;
        for (const auto& [wanted, had] :
             {std::pair(request_.after, request_.before), std::pair(request_.before, request_.after)}) {
            try {  // a place has nothing to give of what the other one comes from, and says so as it likes
                give(given, place, wanted, had);
            } catch (const Error& error) {
                problem = problem ? problem : error;
            }
            tell_commits(between, request_, GitRepository::open_or_create(given));
            if (between.has_commits) {
                return;
            }
        }
        if (problem) {
            throw Error(*problem);
        }
    }

    /// A pack may lean on objects that are here, and is made whole as it arrives.
    void give(const fs::path& repository, const Url& place, const std::string& wanted, const std::string& had) {
        std::vector<fs::path> others = repositories_here(request_);
        others.push_back(here_.folder());
        downloader_.fetch(GitRepository::open_or_create(repository, others), place,
                          {.revision = wanted, .with_history = true, .haves = {had}, .complete = {had}});
    }

    const BetweenRequest& request_;
    Downloader downloader_;
    const GitRepository& here_;
};

}  // namespace

Between look_between(const BetweenRequest& request, ProcessRunner& processes, const FetchEvents& events) {
    const GitLibrary library;
    make_folder(request.fetch.repositories, 0700);
    make_folder(request.fetch.downloads, 0700);
    const GitRepository here =
        GitRepository::open_or_create(request.fetch.repositories / "here.git", repositories_here(request));
    Between between;
    tell_if_it_can_be_read([&] { tell_commits(between, request, here); });
    if (!between.has_commits && !request.fetch.places.empty()) {
        Deepening(request, processes, events.progress, here).run(between);
    }
    tell_if_it_can_be_read([&] { tell_files(between, request, here); });
    return between;
}

}  // namespace bootwright
