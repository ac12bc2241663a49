#pragma once

#include "agent/config/config.hpp"
#include "common/documents/json.hpp"
#include "common/git/git.hpp"
#include "common/net/url.hpp"

#include <filesystem>
#include <string>

namespace bootwright {

/// The commits that branches and tags have led to, beside the repository (NAME.git.followed.json): what a place says of a name
/// is believed only where it goes on from there. It outlives the repository itself.
class Followed {
public:
    /// @throws Error io.*
    explicit Followed(const std::filesystem::path& repository);
    /// Where the name led; "" where it was never followed.
    [[nodiscard]] std::string commit_of(const std::string& name) const;
    /// For a commit that is proven and checked out, and for no other: whoever may set this can lock out all that is good.
    void set(const std::string& name, const std::string& commit);
    [[nodiscard]] const std::filesystem::path& file() const { return file_; }

private:
    std::filesystem::path file_;
    Json names_;
};

/// A branch goes on from where it led before.
/// @param arrived knows that commit, and what has just come from `place`
/// @throws Error repository.mirror_behind (transient), repository.branch_rewritten, repository.past_unknown (permanent)
void require_descent(const GitRepository& arrived, const Url& place, const std::string& name,
                     const std::string& commit);

/// What a name leads to is only a server's word: where nothing proves who answers, whoever is in between could say it. A
/// file:// is this machine's own, a snapshot is of no name, and under `verify` the commit itself is proven.
/// @throws Error repository.insecure (permanent)
void refuse_unproven_name(const AgentConfig::Repository& settings, const Url& place);

}  // namespace bootwright
