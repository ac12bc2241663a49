#pragma once

// Commits, trees, blobs and tags as libgit2 has them. For the files of the port alone.

#include "common/git/handles.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bootwright::libgit2 {

using CommitHandle = Handle<git_commit, git_commit_free>;
using TreeHandle = Handle<git_tree, git_tree_free>;
using TagHandle = Handle<git_tag, git_tag_free>;
using AnyHandle = Handle<git_object, git_object_free>;
using BlobHandle = Handle<git_blob, git_blob_free>;

// Each of these throws as check_object() does if the object is missing, damaged, or of another type.
CommitHandle find_commit(git_repository* repository, const std::string& commit_id);
/// The tree of a commit.
TreeHandle find_tree(git_repository* repository, const std::string& commit_id);
TreeHandle find_subtree(git_repository* repository, const git_oid& id);
TagHandle find_tag(git_repository* repository, const std::string& tag_id);
BlobHandle find_blob(git_repository* repository, const git_oid& id, const std::string& path);
ObjectHandle read_object(git_odb* odb, const git_oid& id, std::string_view what);

/// Valid as long as the object is held.
std::string_view content_of(git_odb_object* object);
std::string_view content_of(git_blob* blob);

bool is_content_of(const git_oid& blob, std::string_view content);
bool is_there(git_repository* repository, const git_oid& id, git_object_t type);
/// @throws Error git.revision_invalid (permanent) if the object is there and is no commit
void refuse_other_object(git_repository* repository, const std::string& id);

/// The parents that the commit itself names: libgit2 hides those of a commit that stands in `shallow`. Returns nullopt if the
/// commit is not there.
std::optional<std::vector<git_oid>> parents_of(git_odb* odb, const git_oid& id);

/// While this lives, objects are not hashed as they are read. Do not trust what was read meanwhile, nor what libgit2
/// remembers of it.
class WithoutHashVerification {
public:
    WithoutHashVerification() { git_libgit2_opts(GIT_OPT_ENABLE_STRICT_HASH_VERIFICATION, 0); }
    WithoutHashVerification(const WithoutHashVerification&) = delete;
    WithoutHashVerification& operator=(const WithoutHashVerification&) = delete;
    ~WithoutHashVerification() { git_libgit2_opts(GIT_OPT_ENABLE_STRICT_HASH_VERIFICATION, 1); }
};

}  // namespace bootwright::libgit2
