#pragma once

#include "common/files/file.hpp"

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace bootwright {

/// A folder of a tree that is being written, held open: each costs a file descriptor. What is made in it is made new:
/// nothing is followed, nothing that is there is overwritten. Nothing is flushed: sync_file_system() does it. Several threads
/// may use it.
/// @throws Error (all that follows) io.*; io.name_taken where a name is taken, as on a file system that takes two
///   names for one
class NewFolder {
public:
    /// The root of the tree, which is there and empty.
    /// @param fingerprint becomes the tree_fingerprint() of what was written, once all of its folders are gone; it lives longer
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
