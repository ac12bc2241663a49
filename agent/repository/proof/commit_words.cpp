#include "agent/repository/proof/commit_words.hpp"

#include "common/base/encoding.hpp"
#include "common/base/text.hpp"

#include <cstddef>

namespace bootwright {

CommitWords fit_to_be_shown(CommitWords words) {
    constexpr std::size_t longest_subject = 200;
    constexpr std::size_t longest_name = 100;
    constexpr std::int64_t end_of_time = 7'258'118'400;  // the year 2200: a clock of this machine ends in 2262
    const auto fit = [](const std::string& text, std::size_t longest) { return shortened(printable(text), longest); };
    words.subject = fit(words.subject, longest_subject);
    words.author = fit(words.author, longest_name);
    words.tag = fit(words.tag, longest_name);
    words.written = words.written > 0 && words.written < end_of_time ? words.written : 0;
    words.before = is_commit_id(words.before) ? words.before : "";
    return words;
}

Json to_json(const CommitWords& words) {
    return {{"subject", words.subject}, {"author", words.author}, {"written", words.written},
            {"tag", words.tag},         {"before", words.before}, {"files_changed", words.files_changed}};
}

CommitWords commit_words_from_json(const Json& json) {
    return fit_to_be_shown({.subject = string_at(json, "subject"),
                            .author = string_at(json, "author"),
                            .written = static_cast<std::int64_t>(number_at(json, "written")),
                            .tag = string_at(json, "tag"),
                            .before = string_at(json, "before"),
                            .files_changed = number_at(json, "files_changed")});
}

}  // namespace bootwright
