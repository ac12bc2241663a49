#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace bootwright {

/// A commit in a checkout: the revision itself, or that of a module.
struct SealedCommit {
    std::string repository;  ///< the folder that holds its objects, in that of the repositories
    std::string commit;
};

/// What was proven of a checkout, kept beside it (REVISION.seal), so that it need not be proven again as long as nobody has
/// touched it.
struct Seal {
    std::uint64_t fingerprint = 0;        ///< tree_fingerprint() when it was proven
    std::string policy{};                 ///< under which it was proven; another one asks for another proof
    std::string signer{};                 ///< empty: no signature was asked for
    std::vector<SealedCommit> commits{};  ///< with what it can be made and proven again; empty: not known
};

/// Another number whenever a file or folder below `folder` was changed, replaced, added or removed since: of each its name,
/// inode, size, mode and time of change, which nobody can set back. `folder` itself does not count.
/// @throws Error io.* (transient)
std::uint64_t tree_fingerprint(const std::filesystem::path& folder);

/// Nothing where there is no seal, or a damaged one.
std::optional<Seal> read_seal(const std::filesystem::path& checkout);
void write_seal(const std::filesystem::path& checkout, const Seal& seal);
std::filesystem::path seal_of(const std::filesystem::path& checkout);

}  // namespace bootwright
