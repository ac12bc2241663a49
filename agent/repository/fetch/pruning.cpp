#include "agent/repository/fetch/pruning.hpp"

#include "agent/repository/proof/seal.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/files/file.hpp"

#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <system_error>
#include <utility>

namespace bootwright {

namespace fs = std::filesystem;

namespace {

void prune_checkouts(const FetchRequest& request, const std::string& current) {
    remove_tree(request.checkouts / ".new");  // of a fetch that was cut off
    fs::last_write_time(request.checkouts / current, fs::file_time_type::clock::now());
    std::vector<std::pair<fs::file_time_type, fs::path>> others;
    for (const auto& entry : fs::directory_iterator(request.checkouts)) {
        const std::string name = entry.path().filename();
        const bool is_protected =
            std::find(request.protect.begin(), request.protect.end(), name) != request.protect.end();
        if (is_commit_id(name) && name != current && !is_protected) {
            others.emplace_back(entry.last_write_time(), entry.path());
        }
    }
    std::sort(others.begin(), others.end(), std::greater<>());
    const auto kept = std::min(others.size(), static_cast<std::size_t>(std::max(request.settings.keep - 1, 0)));
    for (auto it = others.begin() + static_cast<std::ptrdiff_t>(kept); it != others.end(); ++it) {
        remove_tree(seal_of(it->second));
        remove_tree(it->second);
    }
}

/// The commits that checkouts need, by their repository's folder.
using Needed = std::map<std::string, std::set<std::string>>;

/// Returns nullopt if a checkout does not say what it needs.
std::optional<Needed> needed_by_checkouts(const FetchRequest& request) {
    Needed needed;
    std::vector<fs::path> folders = request.other_checkouts;
    folders.push_back(request.checkouts);
    for (const fs::path& folder : folders) {
        std::error_code error;  // there need not be such a folder
        for (const auto& entry : fs::directory_iterator(folder, error)) {
            if (!is_commit_id(entry.path().filename().string())) {
                continue;
            }
            const auto seal = read_seal(entry.path());
            if (!seal || seal->commits.empty()) {
                return std::nullopt;
            }
            for (const SealedCommit& commit : seal->commits) {
                needed[commit.repository].insert(commit.commit);
            }
        }
    }
    return needed;
}

void forget_all_but(GitRepository& repository, const std::set<std::string>& needed) {
    for (const std::string& commit : repository.kept()) {
        if (!needed.contains(commit)) {
            repository.forget(commit);
        }
    }
    repository.repack();
}

/// Removes the other repositories, with what was set aside of them (NAME.git.damaged) and what their branches have led
/// to (NAME.git.followed.json).
void remove_all_but(const fs::path& repositories, const Needed& needed, const std::string& control) {
    std::vector<fs::path> unused;
    for (const auto& entry : fs::directory_iterator(repositories)) {
        const std::string name = entry.path().filename();
        const std::size_t end = name.find(".git");
        const std::string repository = name.substr(0, end) + ".git";
        if (end != std::string::npos && repository != control && !needed.contains(repository)) {
            unused.push_back(entry.path());
        }
    }
    const fs::path removed = repositories / ".removed";  // half a repository would be taken for a damaged one
    remove_tree(removed);
    for (const fs::path& path : unused) {
        std::error_code error;
        fs::rename(path, removed, error);
        if (error) {
            throw system_call_error("set aside the unused", path.string(), error.value());
        }
        remove_tree(removed);
    }
}

}  // namespace

void prune(const FetchRequest& request, GitRepository& control, std::vector<ModuleTree>& modules,
           const std::string& current) {
    prune_checkouts(request, current);
    auto needed = needed_by_checkouts(request);
    if (!needed) {
        return;
    }
    const std::string name = control.folder().filename();
    if (!request.settings.not_before.empty()) {
        (*needed)[name].insert(request.settings.not_before);  // else each fetch would have to get it first
    }
    forget_all_but(control, (*needed)[name]);
    std::set<std::string> done{name};
    for (ModuleTree& module : modules) {
        const std::string own = module.repository.folder().filename();
        if (done.insert(own).second) {
            forget_all_but(module.repository, (*needed)[own]);
        }
    }
    remove_all_but(request.repositories, *needed, name);
}

}  // namespace bootwright
