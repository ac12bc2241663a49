#pragma once

#include "agent/config/config.hpp"
#include "common/documents/json.hpp"
#include "common/git/git.hpp"
#include "common/net/url.hpp"

#include <filesystem>
#include <string>

namespace bootwright {

/// The commits that branches and tags have led to, kept beside the repository (NAME.git.followed.json). A place is
/// believed about a name only if it goes on from there. The file outlives the repository itself.
class Followed {
public:
    /// @throws Error io.*
    explicit Followed(const std::filesystem::path& repository);
    /// The commit that the name led to; "" if it was never followed.
    [[nodiscard]] std::string commit_of(const std::string& name) const;
    /// Call it only for a commit that is proven and checked out: whoever may set this can lock out all that is good.
    void set(const std::string& name, const std::string& commit);
    [[nodiscard]] const std::filesystem::path& file() const { return file_; }

private:
    std::filesystem::path file_;
    Json names_;
};

/// Checks that a branch goes on from where it led before.
/// @param arrived knows that commit, and what has just come from `place`
/// @throws Error repository.mirror_behind (transient), repository.branch_rewritten, repository.past_unknown (permanent)
void require_descent(const GitRepository& arrived, const Url& place, const std::string& name,
                     const std::string& commit);

/// Refuses to follow a name if nothing proves who answers: anybody in between could say what it leads to. A file:// is
/// this machine's own, a snapshot is of no name, and `verify` proves the commit itself. Hosts of `insecure` may pass.
/// @throws Error repository.insecure (permanent)
void refuse_unproven_name(const AgentConfig::Repository& settings, const Url& place);

}  // namespace bootwright
