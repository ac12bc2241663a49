#include "agent/commands/past/ignored.hpp"

#include "agent/commands/command.hpp"
#include "common/base/text.hpp"

#include <algorithm>

namespace bootwright {

namespace {

struct Pattern {
    std::string resource;
    std::string parameter;  ///< "": the whole resource
};

/// True if the whole text is as the pattern says.
bool is_like(std::string_view text, std::string_view pattern) {
    const std::vector<std::string> pieces = split(pattern, '*');
    if (pieces.size() == 1) {
        return text == pattern;
    }
    if (!text.starts_with(pieces.front())) {
        return false;
    }
    text.remove_prefix(pieces.front().size());
    for (std::size_t i = 1; i + 1 < pieces.size(); ++i) {  // the first place that fits leaves most to the others
        const std::size_t found = text.find(pieces[i]);
        if (found == std::string_view::npos) {
            return false;
        }
        text.remove_prefix(found + pieces[i].size());
    }
    return text.ends_with(pieces.back());
}

Pattern pattern_of(const std::string& text) {
    const std::size_t end = text.rfind(']');
    const bool is_named = end != std::string::npos && text.find('[') < end;
    const std::string rest = is_named ? text.substr(end + 1) : "";
    if (!is_named || (!rest.empty() && (rest.front() != '.' || rest.size() == 1))) {
        throw UsageError{"--ignore: expected TYPE[TITLE] or TYPE[TITLE].PARAMETER, such as 'File[/etc/motd].content'"};
    }
    return {text.substr(0, end + 1), rest.empty() ? "" : rest.substr(1)};
}

}  // namespace

std::size_t ignore(std::vector<ResourceChange>& changes, const std::vector<std::string>& patterns) {
    std::vector<Pattern> ignored;
    std::transform(patterns.begin(), patterns.end(), std::back_inserter(ignored), pattern_of);
    const auto is_ignored = [&](const ResourceChange& change, const std::string& parameter) {
        return std::any_of(ignored.begin(), ignored.end(), [&](const Pattern& pattern) {
            return is_like(change.resource, pattern.resource) &&
                   (pattern.parameter.empty() || (!parameter.empty() && is_like(parameter, pattern.parameter)));
        });
    };
    std::size_t count = std::erase_if(changes, [&](const ResourceChange& change) { return is_ignored(change, ""); });
    for (ResourceChange& change : changes) {
        if (change.kind == ResourceChange::Kind::changed) {
            count += std::erase_if(change.parameters,
                                   [&](const ValueChange& value) { return is_ignored(change, value.name); });
        }
    }
    std::erase_if(changes, [](const ResourceChange& change) {
        return change.kind == ResourceChange::Kind::changed && change.parameters.empty();
    });
    return count;
}

}  // namespace bootwright
