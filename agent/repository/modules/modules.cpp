#include "agent/repository/modules/modules.hpp"

#include "agent/repository/modules/ahead.hpp"
#include "agent/repository/modules/gitmodules.hpp"
#include "agent/repository/modules/module_lock.hpp"
#include "agent/repository/modules/puppetfile.hpp"
#include "agent/repository/sources/downloader.hpp"
#include "agent/servers/objects/object_store.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/files/file.hpp"
#include "common/git/file_tree.hpp"
#include "common/net/url.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

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

/// The URL by which a module's repository is known here: releases have one for each module.
Url name_url_of(const WantedModule& module) {
    if (!module.release) {
        return module.url;
    }
    return module.url.with_target("/" + module.release->message.substr(0, module.release->message.find(' ')));
}

/// What is wrong with a module's own place, said of that module: who reads it would look at the control repository's.
Error error_of(const WantedModule& module, const Error& error) {
    constexpr std::array wrong_urls{"git.no_repository", "repository.credential_exposed", "server.redirects",
                                    "server.url_invalid", "url.invalid"};
    constexpr std::array too_large{"git.pack_too_large", "git.too_much_memory"};
    const auto is_one_of = [&](const auto& codes) {
        return std::find(codes.begin(), codes.end(), error.code) != codes.end();
    };
    Error own = error;
    const bool lacks_url =
        error.code.starts_with("git.") && error.message.find(module.url.shown()) == std::string::npos;
    own.message = module.path + " (" + module.named_at + ")" + (lacks_url ? ", from " + module.url.shown() : "") +
                  ": " + error.message;
    if (is_one_of(wrong_urls)) {
        own.advice = "correct its URL (" + module.named_at +
                     ") in the control repository, or vendor the module: put its "
                     "files into the control repository itself";
    } else if (error.code == "git.revision_not_found") {
        own.advice = "push that commit there, or pin another one of the module in the control repository (" +
                     module.named_at + ")";
    } else if (is_one_of(too_large)) {
        own.advice = "take large files out of the module";
    }
    return own;
}

/// A module of a Puppetfile, and what it is.
struct PinnedModule {
    std::string name;
    WantedModule wanted;
    std::string tree{};  ///< "": the commit alone says it
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
        const std::string named_at = "Puppetfile, line " + std::to_string(module.line);
        const LockedModule* locked = is_lockable(module) ? find_locked(lock, module) : nullptr;
        if (locked != nullptr && locked->release) {
            const std::string message = module.author + "-" + module.name + " " + locked->release->version;
            modules.push_back({module.name,
                               {locked->release->url, wrapping_commit_of(locked->tree, message), module.path, named_at,
                                ReleaseArchive{locked->release->url, locked->release->sha256, message}},
                               locked->tree});
        } else if (locked != nullptr) {
            modules.push_back({module.name, {module.url, locked->commit, module.path, named_at}, locked->tree});
        } else {
            modules.push_back({module.name, {module.url, module.revision, module.path, named_at}});
            others.push_back(module);
        }
    }
    require_fixed(others);
    return modules;
}

/// What the Puppetfile of a commit pins. @throws Error repository.module_lock, repository.puppetfile (permanent)
std::vector<PinnedModule> pinned_by_puppetfile(const GitRepository& repository, const std::string& commit) {
    const auto text = repository.read_file_of(commit, "Puppetfile", largest_text);
    if (!text) {
        return {};
    }
    const auto is_vendored = [&](const std::string& path) {
        const fs::path place(path);
        const auto names = repository.names_in(commit, place.parent_path().string());
        return std::find(names.begin(), names.end(), place.filename().string()) != names.end();
    };
    const auto lock = repository.read_file_of(commit, module_lock_name, largest_text);
    return pinned(read_puppetfile(*text, is_vendored), lock, is_vendored);
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
        const Gitmodules gitmodules{repository.read_file_of(commit, ".gitmodules", largest_text).value_or(""), path};
        for (const Submodule& submodule : submodules) {
            const SubmoduleSource source = submodule_source(gitmodules, submodule.path, url);
            const std::string module_path = path + submodule.path;
            const WantedModule wanted{source.url, submodule.commit_id, module_path, source.named_at};
            if (const auto module = add(repository, wanted)) {
                add_submodules(*module, wanted.commit, wanted.url, module_path + "/", depth + 1);
            }
        }
    }

    void add_puppetfile(const GitRepository& repository, const std::string& commit) {
        for (const PinnedModule& module : pinned_by_puppetfile(repository, commit)) {
            const auto tree = add(repository, module.wanted);
            if (!tree) {
                continue;
            }
            if (!module.tree.empty() && tree->tree_of(module.wanted.commit) != module.tree) {
                throw permanent_error("repository.module_lock",
                                      std::string(module_lock_name) + ": the tree of " + module.wanted.path +
                                          " is not that of its commit " + module.wanted.commit,
                                      "somebody has changed the file by hand: run `bootwright modules lock --update " +
                                          module.name + "`, and commit it");
            }
            add_submodules(*tree, module.wanted.commit, module.wanted.url, module.wanted.path + "/", 1);
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
        const auto tree = parent.is_complete(module.commit) ? std::optional(parent) : obtain(module);
        if (tree) {
            modules_.push_back({*tree, module.commit, module.path, module.named_at});
        }
        return tree;
    }

    [[nodiscard]] std::optional<GitRepository> obtain(const WantedModule& module) const {
        try {
            return obtain_(module);
        } catch (const Error& error) {
            throw error.kind == ErrorKind::stopped ? error : error_of(module, error);
        }
    }

    const ObtainModule& obtain_;
    std::vector<ModuleTree> modules_{};
};

fs::path folder_of_url(const FetchRequest& request, const Url& name_url) {
    return request.repositories / (repository_name(name_url) + ".git");
}

/// What the Puppetfile of a commit pins and its own repository, to which a snapshot brings modules along, lacks.
std::vector<WantedModule> missing_of_puppetfile(const GitRepository& repository, const std::string& commit) {
    std::vector<WantedModule> missing;
    for (PinnedModule& module : pinned_by_puppetfile(repository, commit)) {
        if (!repository.is_complete(module.wanted.commit)) {
            missing.push_back(std::move(module.wanted));
        }
    }
    return missing;
}

}  // namespace

RepositorySource open_source(const FetchRequest& request, const Url& name_url, std::vector<Url> places) {
    const fs::path folder = folder_of_url(request, name_url);
    return {GitRepository::open_or_create(folder, {request.settings.seed}), folder, std::move(places)};
}

fs::path folder_of(const FetchRequest& request, const WantedModule& module) {
    return folder_of_url(request, name_url_of(module));
}

RepositorySource open_module(const FetchRequest& request, const WantedModule& module) {
    std::vector<Url> places = module.release ? request.release_mirrors : std::vector<Url>{};
    places.push_back(module.url);
    RepositorySource source = open_source(request, name_url_of(module), std::move(places));
    source.release = module.release;
    source.module = module.path;
    return source;
}

void refuse_unconverted_files(const GitRepository& repository, const std::string& commit, const std::string& path) {
    const auto file = repository.first_unconverted(commit);
    if (!file) {
        return;
    }
    const std::string which = "commit " + commit + " keeps " + path + file->path;
    if (file->attribute == "filter=lfs") {
        throw permanent_error("repository.lfs", which + " in Git LFS, which is not fetched",
                              "put the file into the repository itself, or fetch it with Puppet from where it is");
    }
    if (file->attribute.starts_with("filter=git-crypt")) {
        throw permanent_error(
            "repository.not_converted",
            which + " encrypted by git-crypt (" + file->attribute + "), which is not decrypted here",
            "take it out of the repository: Puppet gets secrets by hiera-eyaml, or from a secret store");
    }
    const bool is_filter = file->attribute.starts_with("filter=");
    throw permanent_error(
        "repository.not_converted",
        which + " with the attribute " + file->attribute + ": git would convert it at checkout, which is not done here",
        std::string("store the file as it has to be on the machine, and take the attribute from it in "
                    ".gitattributes") +
            (is_filter ? " (\"-filter\")" : ", with `git add --renormalize`"));
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

std::vector<ModuleTree> obtain_modules(const FetchRequest& request, ProcessRunner& processes, const FetchEvents& events,
                                       Mirrors& mirrors, const RepositorySource& source, const std::string& commit) {
    const bool with_puppetfile = request.settings.puppetfile == AgentConfig::Repository::Puppetfile::fetch;
    const Ahead ahead = with_puppetfile ? obtain_ahead(request, processes, events, mirrors,
                                                       missing_of_puppetfile(source.repository, commit))
                                        : Ahead();
    const auto obtain = [&](const WantedModule& module) {
        if (const auto failed = ahead.failed.find(module.path); failed != ahead.failed.end()) {
            throw Error(failed->second);
        }
        if (const auto obtained = ahead.obtained.find(module.path); obtained != ahead.obtained.end()) {
            return std::optional(obtained->second);
        }
        if (module.url.host() == nowhere_host) {
            throw permanent_error("repository.submodule",
                                  "it is not in the snapshot, and its URL is relative to a repository that the role "
                                  "config does not name",
                                  "make the snapshot with `bootwright snapshot make`, which takes submodules along, or "
                                  "name the git repository in repository.mirrors");
        }
        RepositorySource own = open_module(request, module);
        mirrors.obtain(own, module.commit, false);
        return std::optional(own.repository);
    };
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
