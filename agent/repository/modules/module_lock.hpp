#pragma once

#include "agent/repository/modules/puppetfile.hpp"
#include "common/documents/json.hpp"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace bootwright {

/// The name of the lock file, which stands beside the Puppetfile.
constexpr const char* module_lock_name = "Puppetfile.bootwright.json";

/// A release of the Puppet Forge.
struct LockedRelease {
    std::string version;
    Url url;             ///< of its archive
    std::string sha256;  ///< of that
};

/// What a module's content is.
struct LockedModule {
    std::string path;                        ///< as in the Puppetfile's declaration
    std::string name;                        ///< "stdlib"
    Json declared;                           ///< as declared() makes it
    std::string commit;                      ///< 40 hex; "" of a release of the Forge
    std::string tree;                        ///< git's id of its tree, 40 hex
    std::optional<LockedRelease> release{};  ///< of the Forge
};

/// What each module of one Puppetfile is: written by `bootwright modules lock`, and committed beside it.
struct ModuleLock {
    std::vector<LockedModule> modules{};  ///< sorted by path
};

/// What the Puppetfile says of the module's content, for comparison, without credentials:
/// {"git": "https://git.example.com/apt.git", "tag": "v9.4.0"}, {"forge": "puppetlabs/apt", "version": "latest"}.
Json declared(const PuppetfileDeclaration& declaration);

/// True if a lock can say what the module is.
bool is_lockable(const PuppetfileDeclaration& declaration);

/// @throws Error repository.module_lock (permanent), which names the line
ModuleLock read_module_lock(const std::string& text);

/// The lock as its file has it: the same for the same modules.
std::string to_text(const ModuleLock& lock);

/// The lock's module at that path; nullptr if there is none.
const LockedModule* find_locked(const ModuleLock& lock, const std::string& path);

/// The lock's module for the declaration; nullptr if there is none that was declared the same.
const LockedModule* find_locked(const ModuleLock& lock, const PuppetfileDeclaration& declaration);

/// Why the lock is not of this Puppetfile: a sentence for each module that differs. Bytes, comments and order of the
/// Puppetfile do not matter.
/// @param is_vendored says whether a lock's module that is not declared here is vendored
std::vector<std::string> differences(const std::vector<PuppetfileDeclaration>& declarations, const ModuleLock& lock,
                                     const std::function<bool(const std::string&)>& is_vendored);

/// @throws Error repository.module_lock (permanent) if there are differences
void require_same(const std::vector<PuppetfileDeclaration>& declarations, const ModuleLock& lock,
                  const std::function<bool(const std::string&)>& is_vendored);

}  // namespace bootwright
