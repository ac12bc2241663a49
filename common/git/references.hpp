#pragma once

// References, and the file `shallow`. For the files of the port alone.

#include "common/git/objects.hpp"

#include <filesystem>
#include <set>
#include <string>
#include <vector>

namespace bootwright::libgit2 {

constexpr const char* keep_references = "refs/bootwright/keep/";
constexpr const char* tag_references = "refs/bootwright/tag/";

/// The names of all references that match, sorted.
std::vector<std::string> reference_names(git_repository* repository, const std::string& glob);
void set_reference(git_repository* repository, const std::string& name, const git_oid& id);
void remove_reference(git_repository* repository, const std::string& name);

/// Checks that every reference leads to an object that is there: a fetch trusts that, and would bring nothing. Forgets
/// what was kept in an alternate and has gone with it.
/// @throws Error git.corrupt for any other reference
void check_references(git_repository* repository);

/// Commits whose parents are left out.
using Shallow = std::set<std::string>;
Shallow read_shallow(const std::filesystem::path& repository);
void write_shallow(const std::filesystem::path& repository, const Shallow& commits);
/// `shallow` without the commits whose history has arrived.
Shallow without_complete(git_odb* odb, const Shallow& shallow);

}  // namespace bootwright::libgit2
