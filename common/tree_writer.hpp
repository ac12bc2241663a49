#pragma once

#include "common/file.hpp"

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace bootwright {

/// Writes a tree of folders, files and links into a folder that is empty. Each is made new, below a folder that was made here
/// and is held open: nothing is followed, nothing that is there is overwritten. Nothing is flushed: sync_file_system() does it.
/// A folder in each other costs a file descriptor.
/// @throws Error (all that follows) io.*; repository.checkout_differs where a name is taken, as on a file system that takes two
///   names for one
class TreeWriter {
public:
    explicit TreeWriter(const std::filesystem::path& folder);

    /// Makes a folder in the present one.
    void make_folder(const std::string& name);
    /// Makes a folder, which is the present one until leave().
    void enter(const std::string& name);
    void leave();
    void make_file(const std::string& name, std::string_view content, bool is_executable);
    void make_link(const std::string& name, const std::string& target);

private:
    [[nodiscard]] std::filesystem::path shown(const std::string& name) const;
    [[noreturn]] void fail(const char* what, const std::string& name) const;

    std::filesystem::path root_;
    std::vector<std::string> names_;
    std::vector<UniqueFd> folders_;  // the root, and below it one for each of the names
};

}  // namespace bootwright
