// What lies between two commits: commits, and files.

#include "common/git/git.hpp"

#include "common/git/tree.hpp"

#include <exception>
#include <utility>

namespace bootwright {

using namespace libgit2;

namespace {

/// What a commit comes from, itself included, also what is only named here.
IdSet reached_from(git_odb* odb, const git_oid& commit) {
    IdSet seen{commit};
    std::vector<git_oid> open{commit};
    while (!open.empty()) {
        const git_oid id = open.back();
        open.pop_back();
        for (const git_oid& parent : parents_of(odb, id).value_or(std::vector<git_oid>())) {
            if (seen.insert(parent).second) {
                open.push_back(parent);
            }
        }
    }
    return seen;
}

struct Own {
    std::vector<std::string> commits{};
    bool is_whole = true;
};

/// What a commit comes from and the other one does not.
Own own_of(git_odb* odb, const git_oid& commit, const IdSet& others) {
    Own own;
    if (others.contains(commit)) {
        return own;
    }
    IdSet seen{commit};
    std::vector<git_oid> level{commit};
    while (!level.empty()) {
        std::vector<git_oid> next;
        for (const git_oid& id : level) {
            const auto parents = parents_of(odb, id);
            if (!parents) {
                own.is_whole = false;
                continue;
            }
            own.commits.push_back(hex(id));
            for (const git_oid& parent : *parents) {
                if (!others.contains(parent) && seen.insert(parent).second) {
                    next.push_back(parent);
                }
            }
        }
        level = std::move(next);
    }
    return own;
}

/// Hands what libgit2 finds to a function that may throw.
struct Taking {
    const std::function<void(const FileChange&)>& take;
    std::exception_ptr failure{};
};

int take_delta(const git_diff* /*diff*/, const git_diff_delta* delta, const char* /*pathspec*/,
               void* payload) noexcept {
    constexpr int leave_out = 1;  // libgit2 need not remember it
    auto& taking = *static_cast<Taking*>(payload);
    try {
        const char kind = delta->status == GIT_DELTA_ADDED ? 'A' : delta->status == GIT_DELTA_DELETED ? 'D' : 'M';
        taking.take({kind, kind == 'D' ? delta->old_file.path : delta->new_file.path});
        return leave_out;
    } catch (...) {
        taking.failure = std::current_exception();
        return GIT_EUSER;
    }
}

}  // namespace

CommitsBetween GitRepository::commits_between(const std::string& before, const std::string& after) const {
    const OdbHandle odb = handles_->odb();
    const git_oid old_id = object_id(before);
    const git_oid new_id = object_id(after);
    Own added = own_of(odb.get(), new_id, reached_from(odb.get(), old_id));
    Own removed = own_of(odb.get(), old_id, reached_from(odb.get(), new_id));
    return {std::move(added.commits), std::move(removed.commits), added.is_whole && removed.is_whole};
}

std::optional<std::uint64_t> GitRepository::files_between(const std::string& commit_id,
                                                          const std::string& other_id) const {
    std::uint64_t count = 0;
    const bool is_known = each_file_between(commit_id, other_id, [&](const FileChange&) { ++count; });
    return is_known ? std::optional(count) : std::nullopt;
}

bool GitRepository::each_file_between(const std::string& commit_id, const std::string& other_id,
                                      const std::function<void(const FileChange&)>& take) const {
    if (!is_complete(commit_id) || !is_complete(other_id)) {
        return false;
    }
    git_repository* repository = handles_->repository.get();
    const TreeHandle tree = find_tree(repository, commit_id);
    const TreeHandle other = find_tree(repository, other_id);
    Taking taking{take};
    git_diff_options options = GIT_DIFF_OPTIONS_INIT;
    options.payload = &taking;
    options.notify_cb = take_delta;
    Handle<git_diff, git_diff_free> diff;
    const int code = git_diff_tree_to_tree(out(diff), repository, tree.get(), other.get(), &options);
    if (taking.failure) {
        std::rethrow_exception(taking.failure);
    }
    check_local(code, "the difference between " + commit_id + " and " + other_id);
    return true;
}

}  // namespace bootwright
