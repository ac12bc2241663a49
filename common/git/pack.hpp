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

/// Adds to the pack what is wanted of the commit and all of its tree, without parents.
void insert_commit(git_packbuilder* pack, git_repository* repository, const std::string& commit_id,
                   const Wanted& wanted);
/// The same for a tag object, and those that it names in turn.
void insert_tag(git_packbuilder* pack, git_repository* repository, const std::string& tag_id, const Wanted& wanted);

/// Packs of this repository object are made without deltas from now on: to search for them takes seconds for ten thousand files,
/// and libgit2 cannot take over those that are there.
void pack_without_deltas(git_repository* repository, const IncomingFolder& folder);

/// Hands the bytes of the pack to `sink`, whose exceptions come out here.
void build(git_packbuilder* pack, const std::function<void(std::string_view bytes)>& sink);

}  // namespace bootwright::libgit2
