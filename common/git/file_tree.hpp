#pragma once

#include "common/git/git.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace bootwright {

/// The commit that wraps a tree: without parents, by nobody, at the beginning of 1970, so that its id follows from the
/// tree and the message. Needs a GitLibrary.
/// @param tree 40 hex
std::string wrapping_commit_of(const std::string& tree, const std::string& message);

/// Files that become a tree of git's, and the commit that wraps it. They are in memory until then.
class GitFileTree {
public:
    GitFileTree();
    GitFileTree(const GitFileTree&) = delete;
    GitFileTree& operator=(const GitFileTree&) = delete;
    ~GitFileTree();

    /// @throws Error git.tree_refused (permanent) if something is there already, or where git forbids a name;
    ///   git.too_much_memory
    void add(const std::string& path, bool is_executable, std::string_view content);

    /// Writes all into the repository as a pack. Returns the id of wrapping_commit_of().
    /// @throws Error as add; as GitPackImport
    std::string write_to(const GitRepository& repository, const std::string& message);

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace bootwright
