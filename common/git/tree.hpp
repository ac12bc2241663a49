#pragma once

// Trees: what git forbids in them, what they hold, and the way through them. For the files of the port alone.

#include "common/git/objects.hpp"

#include <functional>
#include <optional>
#include <string>

namespace bootwright::libgit2 {

/// git.tree_refused, permanent.
Error tree_refused(const std::string& what, const std::string& advice);

enum class Step { go_on, skip_folder, stop };
using Visit = std::function<Step(const std::string& path, const git_tree_entry* entry)>;

/// Calls `visit` for everything below the tree, a folder before what is in it.
/// @throws Error as tree_refused for a tree that git forbids; as check_object
void walk_tree(git_repository* repository, const git_tree* tree, const Visit& visit);

struct Surveyed {
    std::optional<TreeFacts> facts{};  ///< nullopt if something is missing
    std::string missing{};             ///< a path; "" of the tree itself
};

/// Looks at the whole tree of the commit, and at each tree in it once, however often it occurs: a small pack can unfold
/// to billions of files. Reads only the headers of blobs.
/// @throws Error as walk_tree; git.too_much_memory
Surveyed survey(GitRepository::Handles& handles, const std::string& commit_id);

/// The facts of a complete commit's tree. @throws Error git.corrupt if it is not
TreeFacts facts_of(GitRepository::Handles& handles, const std::string& commit_id);

/// libgit2 looks for .gitattributes in the folder, where they are not written yet, and then in the index. Puts the tree
/// into the index, so that libgit2 obeys the tree's, as git does; the index stays in memory.
void obey_attributes_of(const git_tree* tree, git_repository* repository);

}  // namespace bootwright::libgit2
