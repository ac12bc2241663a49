#include "agent/repository/fetch/module_revisions.hpp"

#include "agent/repository/modules/modules.hpp"
#include "agent/repository/sources/downloader.hpp"
#include "agent/repository/sources/mirrors.hpp"
#include "common/base/error.hpp"
#include "common/files/file.hpp"

#include <optional>
#include <string>

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

}  // namespace

void resolve_modules(const ModulesRequest& request, ProcessRunner& processes, const FetchEvents& events,
                     const std::function<void(const ResolvedModule&)>& tell) {
    const GitLibrary library;
    make_folder(request.fetch.repositories, 0700);
    Downloader downloader(request.fetch, processes, events.progress);
    for (const ModuleWish& wish : request.modules) {
        Mirrors mirrors(request.fetch, downloader, events.progress, events.heard);  // each has its own time
        try {
            RepositorySource source = open_source(request.fetch, wish.url, {wish.url});
            const std::string commit = commit_of(wish, source, mirrors);
            tell({commit, source.repository.tree_of(commit)});
        } catch (const Error& error) {
            if (error.code.starts_with("io.") || error.code.starts_with("process.")) {
                throw;
            }
            tell({.problem = error});
        }
    }
}

}  // namespace bootwright
