#pragma once

#include "common/net/url.hpp"

#include <functional>
#include <string>
#include <vector>

namespace bootwright {

/// What a Puppetfile says of a module that is neither local nor vendored.
struct PuppetfileDeclaration {
    enum class Kind { git, forge };
    /// What names the content of a git module.
    enum class By {
        commit,          ///< a full commit id
        tag,             ///< a tag's name
        branch,          ///< a branch's name
        ref,             ///< a tag, a branch, or a commit id that is cut short
        control_branch,  ///< the branch that is named as the control repository's own
        nothing,         ///< what the repository's HEAD leads to
    };

    std::string name;      ///< "stdlib"
    std::string author{};  ///< "puppetlabs"; "": none is written
    std::string path;      ///< where it goes, from the tree's root: "modules/stdlib"; in no other module's folder
    int line = 0;          ///< of the Puppetfile
    Kind kind = Kind::git;
    Url url{};  ///< of a git module, as as_git_url() makes it; may hold credentials
    By by = By::nothing;
    std::string
        revision{};  ///< what `by` is about; "" for control_branch and nothing. Of the Forge the version; "": the newest
    std::string sha256{};          ///< of the archive of a release of the Forge; "": any will do
    std::string default_branch{};  ///< taken where the module has no branch as the control repository's; "": none
    std::string problem{};         ///< why it cannot be fetched from anywhere; "": it can
};

/// All that a Puppetfile declares and that has to be fetched. No Ruby runs: reads `forge`, `moduledir` (which counts for
/// the lines after it, as in r10k) and `mod` with plain strings, symbols, true, false and nil. A module that is vendored
/// or `local` is used as it is, whatever the Puppetfile says of its origin.
/// @param is_vendored says whether something lies at this path of the tree
/// @throws Error repository.puppetfile, permanent, naming line, module and reason, for what is wrong with the file or a
///   path; it never quotes a URL
std::vector<PuppetfileDeclaration> read_puppetfile(const std::string& text,
                                                   const std::function<bool(const std::string&)>& is_vendored);

/// Why the declaration alone does not say what the module's content is; "" if it does.
std::string why_not_fixed(const PuppetfileDeclaration& declaration);

/// A module and why it is not fetched.
struct UnfitModule {
    const PuppetfileDeclaration* declaration;
    std::string why;
};

/// The error that names all of them, with their lines. @throws Error repository.puppetfile (permanent)
[[noreturn]] void refuse_modules(const std::vector<UnfitModule>& unfit);

/// @throws Error repository.puppetfile (permanent) that names all modules whose content is not fixed
void require_fixed(const std::vector<PuppetfileDeclaration>& declarations);

}  // namespace bootwright
