#pragma once

#include "agent/repository/fetch_events.hpp"
#include "agent/repository/fetch_request.hpp"
#include "agent/repository/sources/mirrors.hpp"
#include "common/git/git.hpp"
#include "common/net/url.hpp"
#include "common/processes/process.hpp"

#include <cstddef>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace bootwright {

/// A tree in a folder of another one: a submodule, or a module of the Puppetfile.
struct ModuleTree {
    GitRepository repository;
    std::string commit;
    std::string path;      ///< from the root of the whole checkout
    std::string named_at;  ///< ".gitmodules, line 3" or "Puppetfile, line 7", as an error names it
};

/// The bare repository for a URL below `repositories`; makes it if it is not there yet. Credentials in the URL do not
/// count, so that a renewed token uses the same one.
RepositorySource open_source(const FetchRequest& request, const Url& name_url, std::vector<Url> places);

/// A module that is pinned.
struct WantedModule {
    Url url;  ///< of its repository, or of its release's archive
    std::string commit;
    std::string path;      ///< from the root of the whole checkout
    std::string named_at;  ///< as that of ModuleTree
    std::optional<ReleaseArchive> release{};
};

/// Gets a module that the repository which names it does not hold. If it returns nullopt, the module is left out, with
/// all that it names.
using ObtainModule = std::function<std::optional<GitRepository>(const WantedModule& module)>;

/// The bare repository of the module, and the places that have it, or the archive of its release. One repository holds all
/// releases of a module.
RepositorySource open_module(const FetchRequest& request, const WantedModule& module);
/// The folder of that repository.
std::filesystem::path folder_of(const FetchRequest& request, const WantedModule& module);

/// The modules that a commit of `repository` names: its submodules and theirs, and what its Puppetfile pins.
/// @param base_url what relative URLs of submodules are relative to; "" or a snapshot's place: unknown
/// @throws Error repository.submodule, repository.puppetfile (permanent); what `obtain` throws, with the path of the
///   module and the line that names it, and with advice that speaks of those
std::vector<ModuleTree> gather_modules(const GitRepository& repository, const std::string& commit, const Url& base_url,
                                       bool with_puppetfile, const ObtainModule& obtain);

/// The modules of the commit, each complete: its submodules and theirs, and what its Puppetfile pins (unless agent.json
/// says otherwise). Each is proven by the tree that pins it.
/// Those of the Puppetfile are obtained several at once.
/// @throws Error repository.submodule, repository.puppetfile (permanent); as Mirrors::obtain
std::vector<ModuleTree> obtain_modules(const FetchRequest& request, ProcessRunner& processes, const FetchEvents& events,
                                       Mirrors& mirrors, const RepositorySource& source, const std::string& commit);

/// How many modules are obtained at once: most of the time goes into waiting for servers, and each may take the memory
/// that a pack takes.
constexpr std::size_t most_at_once = 4;

/// @param path where the tree stands, for the error: "" or "modules/apt/"
/// @throws Error repository.lfs, repository.not_converted (permanent) if git itself would have a program or an encoding
///   make something else of a file at checkout (Git LFS, git-crypt, other filters)
void refuse_unconverted_files(const GitRepository& repository, const std::string& commit, const std::string& path);

}  // namespace bootwright
