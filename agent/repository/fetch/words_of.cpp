#include "agent/repository/fetch/words_of.hpp"

#include "agent/repository/fetch_outcome.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"

#include <utility>

namespace bootwright {

namespace {

/// Both commits were checked out, so that neither has a tree that is too large to be walked through. No count is worth
/// the revision that is about to be applied: an old tree that this git does not take is only not compared.
std::optional<std::uint64_t> files_between(const GitRepository& repository, const std::string& before,
                                           const std::string& commit) {
    try {
        return repository.files_between(before, commit);
    } catch (const Error& error) {
        if (error.code == "git.corrupt") {
            throw;
        }
        return std::nullopt;
    }
}

}  // namespace

CommitWords words_of(const FetchRequest& request, const GitRepository& repository, const std::string& commit,
                     const std::string& tag) {
    const CommitText text = repository.commit_text(commit);
    CommitWords words{.subject = text.subject, .author = text.author, .written = text.time, .tag = tag};
    const std::string before = request.protect.empty() ? "" : request.protect.front();
    if (is_commit_id(before) && before != commit) {
        if (const auto files = files_between(repository, before, commit)) {
            words.before = before;
            words.files_changed = *files;
        }
    }
    return fit_to_be_shown(cleaned(std::move(words), secrets_of(request)));
}

}  // namespace bootwright
