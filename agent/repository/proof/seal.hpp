#pragma once

#include "agent/repository/proof/commit_words.hpp"
#include "common/files/tree_fingerprint.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace bootwright {

/// A commit in a checkout: the revision itself, or that of a module.
struct SealedCommit {
    std::string repository;  ///< the folder with its objects, in that of the repositories
    std::string commit;
};

/// What was proven of a checkout. It is kept beside the checkout (REVISION.seal), which need not be proven again until somebody
/// touches it.
struct Seal {
    std::uint64_t fingerprint = 0;        ///< tree_fingerprint() when it was proven
    std::string policy{};                 ///< the policy that it was proven by; another policy needs another proof
    std::string signer{};                 ///< empty: no signature was asked for
    std::vector<SealedCommit> commits{};  ///< from which the checkout can be made and proven again; empty: not known
    std::string not_before{};             ///< the commit that it was shown to descend from; empty: none was asked for
    CommitWords words{};                  ///< of the revision
};

/// Returns nullopt if there is no seal, or a damaged one.
std::optional<Seal> read_seal(const std::filesystem::path& checkout);
void write_seal(const std::filesystem::path& checkout, const Seal& seal);
std::filesystem::path seal_of(const std::filesystem::path& checkout);

}  // namespace bootwright
