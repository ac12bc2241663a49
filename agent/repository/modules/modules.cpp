#include "agent/repository/modules/modules.hpp"

#include "agent/repository/modules/gitmodules.hpp"
#include "agent/repository/modules/module_lock.hpp"
#include "agent/repository/modules/puppetfile.hpp"
#include "agent/servers/objects/object_store.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/git/file_tree.hpp"
#include "common/net/url.hpp"

#include <algorithm>
#include <utility>

namespace bootwright {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t most_modules = 1000;
constexpr int deepest = 10;
constexpr std::size_t largest_text = std::size_t{1} << 20U;

/// Stands for a URL that is unknown: what is relative to it is relative to nothing. No host has this name (RFC 2606).
constexpr std::string_view nowhere_host = "nowhere.invalid";
constexpr std::string_view nowhere = "https://nowhere.invalid/-/-/-/-/-/-/-/-/-/-/-/-/-/-/-/-";

/// What URLs of submodules are relative to: no other repositories are beside a snapshot.
Url base_of(const FetchRequest& request) {
    if (!is_snapshot_url(request.name_url)) {
        return request.name_url;
    }
    const auto found = std::find_if_not(request.places.begin(), request.places.end(), is_snapshot_url);
    return found == request.places.end() ? Url(nowhere) : *found;
}

/// A file name for a URL: its last part for people, and a hash, so that two URLs never share objects.
std::string repository_name(const Url& url) {
    const std::string path = url.path();
    std::string name;
    for (const char c : path.substr(path.rfind('/') + 1)) {
        const bool plain = is_alphanumeric(c) || c == '-';
        name += plain ? std::string(1, c) : "";
    }
    return name.substr(0, 40) + "-" + hex_of(url.hash_without_credentials());
}

/// A module of a Puppetfile, and what it is.
struct PinnedModule {
    std::string name;
    std::string path;
    Url url;
    std::string commit;
    std::string tree{};  ///< "": the commit alone says it
    std::optional<ReleaseArchive> release{};
};

/// What the Puppetfile and its lock pin together.
/// @throws Error repository.module_lock, repository.puppetfile (permanent)
std::vector<PinnedModule> pinned(const std::vector<PuppetfileDeclaration>& declarations,
                                 const std::optional<std::string>& lock_text,
                                 const std::function<bool(const std::string&)>& is_vendored) {
    const ModuleLock lock = lock_text ? read_module_lock(*lock_text) : ModuleLock();
    if (lock_text) {
        require_same(declarations, lock, is_vendored);
    }
    std::vector<PinnedModule> modules;
    std::vector<PuppetfileDeclaration> others;
    for (const PuppetfileDeclaration& module : declarations) {
        const LockedModule* locked = is_lockable(module) ? find_locked(lock, module) : nullptr;
        if (locked != nullptr && locked->release) {
            const std::string message = module.author + "-" + module.name + " " + locked->release->version;
            modules.push_back({module.name, module.path, locked->release->url,
                               wrapping_commit_of(locked->tree, message), locked->tree,
                               ReleaseArchive{locked->release->sha256, message}});
        } else if (locked != nullptr) {
            modules.push_back({module.name, module.path, module.url, locked->commit, locked->tree});
        } else {
            modules.push_back({module.name, module.path, module.url, module.revision});
            others.push_back(module);
        }
    }
    require_fixed(others);
    return modules;
}

class Gathering {
public:
    explicit Gathering(const ObtainModule& obtain) : obtain_(obtain) {}

    /// The submodules of a tree at `path`, which was fetched from `url`; then theirs.
    // NOLINTNEXTLINE(misc-no-recursion): `deepest` ends it
    void add_submodules(const GitRepository& repository, const std::string& commit, const Url& url,
                        const std::string& path, int depth) {
        const auto submodules = repository.submodules(commit);
        if (submodules.empty()) {
            return;
        }
        if (depth > deepest) {
            throw permanent_error(
                "repository.submodule",
                "submodules within submodules, deeper than " + std::to_string(deepest) + ", at " + path,
                "vendor the modules: put their files into the control repository itself");
        }
        const std::string gitmodules = repository.read_file_of(commit, ".gitmodules", largest_text).value_or("");
        for (const Submodule& submodule : submodules) {
            const Url module_url = submodule_url(gitmodules, submodule.path, url);
            const std::string module_path = path + submodule.path;
            if (const auto module = add(repository, {module_url, submodule.commit_id, module_path})) {
                add_submodules(*module, submodule.commit_id, module_url, module_path + "/", depth + 1);
            }
        }
    }

    void add_puppetfile(const GitRepository& repository, const std::string& commit) {
        const auto text = repository.read_file_of(commit, "Puppetfile", largest_text);
        if (!text) {
            return;
        }
        const auto is_vendored = [&](const std::string& path) {
            const fs::path place(path);
            const auto names = repository.names_in(commit, place.parent_path().string());
            return std::find(names.begin(), names.end(), place.filename().string()) != names.end();
        };
        const auto lock = repository.read_file_of(commit, module_lock_name, largest_text);
        for (const PinnedModule& module : pinned(read_puppetfile(*text, is_vendored), lock, is_vendored)) {
            const auto tree = add(repository, {module.url, module.commit, module.path, module.release});
            if (!tree) {
                continue;
            }
            if (!module.tree.empty() && tree->tree_of(module.commit) != module.tree) {
                throw permanent_error("repository.module_lock",
                                      std::string(module_lock_name) + ": the tree of " + module.path +
                                          " is not that of its commit " + module.commit,
                                      "somebody has changed the file by hand: run `bootwright modules lock --update " +
                                          module.name + "`, and commit it");
            }
            add_submodules(*tree, module.commit, module.url, module.path + "/", 1);
        }
    }

    [[nodiscard]] std::vector<ModuleTree> take() { return std::move(modules_); }

private:
    /// From the repository that names it, if a snapshot brought the module along; else from its own.
    std::optional<GitRepository> add(const GitRepository& parent, const WantedModule& module) {
        if (modules_.size() >= most_modules) {
            throw permanent_error("repository.submodule", "more than " + std::to_string(most_modules) + " modules",
                                  "vendor the modules: put their files into the control repository itself");
        }
        const auto tree = parent.is_complete(module.commit) ? std::optional(parent) : obtain_(module);
        if (tree) {
            modules_.push_back({*tree, module.commit, module.path});
        }
        return tree;
    }

    const ObtainModule& obtain_;
    std::vector<ModuleTree> modules_{};
};

}  // namespace

RepositorySource open_source(const FetchRequest& request, const Url& name_url, std::vector<Url> places) {
    const fs::path folder = request.repositories / (repository_name(name_url) + ".git");
    return {GitRepository::open_or_create(folder, {request.settings.seed}), folder, std::move(places)};
}

RepositorySource open_release_source(const FetchRequest& request, const WantedModule& module) {
    const std::string name = module.release->message.substr(0, module.release->message.find(' '));
    RepositorySource source = open_source(request, module.url.with_target("/" + name), {module.url});
    source.release = module.release;
    return source;
}

void refuse_large_files(const GitRepository& repository, const std::string& commit, const std::string& path) {
    if (const auto pointer = repository.first_lfs_pointer(commit)) {
        throw permanent_error("repository.lfs",
                              "commit " + commit + " keeps " + path + *pointer + " in Git LFS, which is not fetched",
                              "put the file into the repository itself, or fetch it with Puppet from where it is");
    }
}

std::vector<ModuleTree> gather_modules(const GitRepository& repository, const std::string& commit, const Url& base_url,
                                       bool with_puppetfile, const ObtainModule& obtain) {
    const bool is_known = !base_url.empty() && !is_snapshot_url(base_url);
    Gathering gathering(obtain);
    gathering.add_submodules(repository, commit, is_known ? base_url : Url(nowhere), "", 1);
    if (with_puppetfile) {
        gathering.add_puppetfile(repository, commit);
    }
    return gathering.take();
}

std::vector<ModuleTree> obtain_modules(const FetchRequest& request, Mirrors& mirrors, const RepositorySource& source,
                                       const std::string& commit) {
    const auto obtain = [&](const WantedModule& module) {
        if (module.url.host() == nowhere_host) {
            throw permanent_error("repository.submodule",
                                  module.path +
                                      ": it is not in the snapshot, and its URL is relative to a repository that the "
                                      "role config does not name",
                                  "make the snapshot with `bootwright snapshot make`, which takes submodules along, or "
                                  "name the git repository in repository.mirrors");
        }
        RepositorySource own =
            module.release ? open_release_source(request, module) : open_source(request, module.url, {module.url});
        mirrors.obtain(own, module.commit, false);
        return std::optional(own.repository);
    };
    const bool with_puppetfile = request.settings.puppetfile == AgentConfig::Repository::Puppetfile::fetch;
    auto modules = gather_modules(source.repository, commit, base_of(request), with_puppetfile, obtain);
    for (ModuleTree& module : modules) {
        const auto kept = module.repository.kept();
        if (std::find(kept.begin(), kept.end(), module.commit) == kept.end()) {
            module.repository.keep(module.commit);  // a snapshot brought it along
        }
    }
    return modules;
}

}  // namespace bootwright
