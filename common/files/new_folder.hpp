#pragma once

#include "common/files/file.hpp"

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace bootwright {

/// An open folder of a tree that is being written; each holds a file descriptor. It only makes new entries: it follows
/// no link and overwrites nothing. It does not flush: sync_file_system() does. Several threads may use it.
/// @throws Error (all that follows) io.*; io.name_taken if a name is taken, as on a file system that takes two names
///   for one
class NewFolder {
public:
    /// Opens the root of the tree, which must exist and be empty.
    /// @param fingerprint becomes the tree_fingerprint() of what was written once the tree's objects are gone; must
    /// outlive them
    NewFolder(const std::filesystem::path& root, std::atomic<std::uint64_t>& fingerprint);
    NewFolder(const NewFolder&) = delete;
    NewFolder& operator=(const NewFolder&) = delete;
    ~NewFolder();

    std::shared_ptr<const NewFolder> make_folder(const std::string& name) const;
    void make_file(const std::string& name, std::string_view content, bool is_executable) const;
    void make_link(const std::string& name, const std::string& target) const;

private:
    NewFolder(const NewFolder& parent, const std::string& name);
    [[noreturn]] void fail(const char* what, const std::string& name) const;

    std::string root_;
    std::string path_{};  // from the root: "", or "/name/name"
    UniqueFd folder_;
    std::atomic<std::uint64_t>& fingerprint_;
};

}  // namespace bootwright
