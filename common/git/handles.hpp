#pragma once

// What the files of the port to libgit2 (common/git/*.cpp) share. Nobody else includes it.

#include "common/base/error.hpp"
#include "common/git/git.hpp"

#include <git2.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace bootwright::libgit2 {

template <auto free_function>
struct Free {
    template <typename T>
    void operator()(T* handle) const {
        free_function(handle);
    }
};
template <typename T, auto free_function>
using Handle = std::unique_ptr<T, Free<free_function>>;

/// As std::out_ptr of C++23: hands a handle to the function that makes what it owns. The handle owns it from the end of
/// that statement on.
template <typename H>
class OutPointer {
public:
    explicit OutPointer(H& handle) : handle_(handle) {}
    OutPointer(const OutPointer&) = delete;
    OutPointer& operator=(const OutPointer&) = delete;
    ~OutPointer() { handle_.reset(made_); }
    operator typename H::pointer *() { return &made_; }  // NOLINT(google-explicit-constructor): as of std::out_ptr

private:
    H& handle_;
    typename H::pointer made_ = nullptr;
};
template <typename H>
OutPointer<H> out(H& handle) {
    return OutPointer<H>(handle);
}

using RepositoryHandle = Handle<git_repository, git_repository_free>;
using OdbHandle = Handle<git_odb, git_odb_free>;
using ObjectHandle = Handle<git_odb_object, git_odb_object_free>;

struct HashOfId {
    std::size_t operator()(const git_oid& id) const {
        std::size_t start = 0;  // an id is a hash already
        std::memcpy(&start, id.id, sizeof(start));
        return start;
    }
};
struct EqualIds {
    bool operator()(const git_oid& one, const git_oid& other) const { return git_oid_equal(&one, &other) != 0; }
};
using IdSet = std::unordered_set<git_oid, HashOfId, EqualIds>;

inline std::uint64_t saturated_sum(std::uint64_t one, std::uint64_t other) {
    return one > UINT64_MAX - other ? UINT64_MAX : one + other;
}

/// What is known of a tree, with all that is below it.
struct TreeFacts {
    TreeSize size{};
    std::uint64_t submodules = 0;
    int depth = 0;
    bool is_filtered = false;       ///< libgit2's checkout writes something else than the blobs: line endings, $Id$
    bool may_be_converted = false;  ///< a .gitattributes speaks of what only git's checkout does: filters, encodings

    void add(const TreeFacts& below) {
        size = {saturated_sum(size.bytes, below.size.bytes), saturated_sum(size.files, below.size.files)};
        submodules = saturated_sum(submodules, below.submodules);
        depth = std::max(depth, below.depth + 1);
        is_filtered = is_filtered || below.is_filtered;
        may_be_converted = may_be_converted || below.may_be_converted;
    }
};
using KnownTrees = std::unordered_map<git_oid, TreeFacts, HashOfId, EqualIds>;

/// The largest file that a repository may have. GitHub takes files of 100 MiB.
constexpr std::size_t largest_object = std::size_t{128} << 20U;
/// The most that libgit2 holds in memory: enough for a file of 100 MiB and its delta, and free on a machine of 512 MiB.
constexpr std::size_t most_memory = std::size_t{256} << 20U;

/// The object cannot be read from the disk: it is missing, or its bytes are not what its id says.
struct DamagedObject : Error {
    DamagedObject(const Error& error, const git_oid& object) : Error(error), id(object) {}
    git_oid id;
};

/// What libgit2 said last, in one line.
std::string last_message();
bool contains(std::string_view text, std::string_view part);
bool is_disk_full();
bool is_out_of_memory();

Error corrupt(std::string_view what);
Error too_much_memory(const std::string& what);

/// Checks the result of a call on the local repository.
void check_local(int code, std::string_view what);
/// Checks the result of a call that reads one object. @throws DamagedObject; Error git.object_invalid, permanent, if
/// its bytes are what its id says but git cannot read them as what they should be: its author is to blame, not the disk
void check_object(int code, git_odb* odb, const git_oid& id, std::string_view what);
void check_object(int code, git_repository* repository, const git_oid& id, std::string_view what);

git_oid object_id(const std::string& hex);
std::string hex(const git_oid& id);
OdbHandle objects_of(git_repository* repository);
/// Does not look for packs that somebody else may have added: if much is missing, that costs most.
bool exists(git_odb* odb, const git_oid& id);

/// Opens the repository's folder once more, with what the alternates hold.
RepositoryHandle open_again(const GitRepository::Handles& handles);

}  // namespace bootwright::libgit2

namespace bootwright {

struct GitRepository::Handles {
    std::filesystem::path folder;
    std::vector<std::filesystem::path> alternates;
    std::filesystem::path quarantine{};  ///< where new packs go while they are judged; empty: among the others
    libgit2::RepositoryHandle repository{};
    libgit2::KnownTrees known_trees{};  ///< complete trees; repack() clears it

    void add_alternates(git_repository* to) const;
    [[nodiscard]] libgit2::OdbHandle odb() const { return libgit2::objects_of(repository.get()); }
    [[nodiscard]] std::filesystem::path packs() const {
        return (quarantine.empty() ? folder : quarantine) / "objects/pack";
    }
    [[nodiscard]] std::filesystem::path incoming() const { return folder / "incoming"; }
};

}  // namespace bootwright
