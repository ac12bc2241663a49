#pragma once

// New packs. For the files of the port alone.

#include "common/git/incoming.hpp"
#include "common/git/objects.hpp"

#include <functional>
#include <string>
#include <string_view>

namespace bootwright::libgit2 {

using PackBuilderHandle = Handle<git_packbuilder, git_packbuilder_free>;
using Wanted = std::function<bool(const git_oid& id)>;

PackBuilderHandle new_pack(git_repository* repository);

/// Adds the wanted objects of the commit and its whole tree to the pack, without parents.
void insert_commit(git_packbuilder* pack, git_repository* repository, const std::string& commit_id,
                   const Wanted& wanted);
/// The same for a tag object, and those that it names in turn.
void insert_tag(git_packbuilder* pack, git_repository* repository, const std::string& tag_id, const Wanted& wanted);

/// Makes packs of this repository object without deltas from now on: the search for deltas takes seconds for ten
/// thousand files, and libgit2 cannot take over those that are there.
void pack_without_deltas(git_repository* repository, const IncomingFolder& folder);

/// Hands the bytes of the pack to `sink`, and throws what that throws.
void build(git_packbuilder* pack, const std::function<void(std::string_view bytes)>& sink);

}  // namespace bootwright::libgit2
