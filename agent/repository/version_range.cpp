#include "agent/repository/version_range.hpp"

#include "common/base/text.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace bootwright {

namespace {

constexpr std::string_view white = " \t\r\n\f\v";
constexpr std::size_t most_digits = 9;

/// A number without leading zeros.
std::optional<std::uint32_t> number(std::string_view text) {
    if (!is_digits(text) || text.size() > most_digits || (text.size() > 1 && text.front() == '0')) {
        return std::nullopt;
    }
    std::uint32_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

/// "rc.1" in its parts. Returns nullopt if one is empty or has other signs in it.
std::optional<std::vector<std::string>> identifiers(std::string_view text) {
    std::vector<std::string> parts = split(std::string(text), '.');
    const bool are_good = std::all_of(parts.begin(), parts.end(), [](const std::string& part) {
        return is_made_of(part, "-", VersionRange::longest);
    });
    return are_good ? std::optional(std::move(parts)) : std::nullopt;
}

/// A version of which the later numbers may be missing, or "x".
struct Partial {
    std::vector<std::uint32_t> numbers{};  // those before the first that is missing
    std::vector<std::string> prerelease{};
    std::string build{};

    [[nodiscard]] bool is_whole() const { return numbers.size() == 3; }
    [[nodiscard]] SemanticVersion lowest() const {
        SemanticVersion version;
        std::copy(numbers.begin(), numbers.end(), version.numbers.begin());
        if (is_whole()) {
            version.prerelease = prerelease;
            version.build = build;
        }
        return version;
    }
};

/// The version after all that have the first `count` numbers of it.
SemanticVersion next_after(const Partial& partial, std::size_t count) {
    SemanticVersion version;
    std::copy_n(partial.numbers.begin(), count, version.numbers.begin());
    ++version.numbers.at(count - 1);
    return version;
}

std::optional<Partial> parse_partial(std::string_view text) {
    Partial partial;
    const std::size_t plus = text.find('+');
    if (plus != std::string_view::npos) {
        partial.build = text.substr(plus + 1);
        if (!identifiers(partial.build)) {
            return std::nullopt;
        }
    }
    std::string_view rest = text.substr(0, plus);
    const std::size_t minus = rest.find('-');
    if (minus != std::string_view::npos) {
        auto parts = identifiers(rest.substr(minus + 1));
        const auto is_bad = [](const std::string& part) { return is_digits(part) && !number(part); };
        if (!parts || std::any_of(parts->begin(), parts->end(), is_bad)) {
            return std::nullopt;
        }
        partial.prerelease = std::move(*parts);
        rest = rest.substr(0, minus);
    }
    const std::vector<std::string> parts = split(std::string(rest), '.');
    const bool has_more = plus != std::string_view::npos || minus != std::string_view::npos;
    if (parts.empty() || parts.size() > 3 || (has_more && parts.size() != 3)) {
        return std::nullopt;
    }
    bool is_open = false;
    for (const std::string& part : parts) {
        const auto value = number(part);
        if (!value && part != "x" && part != "X" && part != "*") {
            return std::nullopt;
        }
        is_open = is_open || !value;
        if (!is_open) {
            partial.numbers.push_back(*value);
        }
    }
    return partial;
}

int sign(std::strong_ordering order) { return std::is_lt(order) ? -1 : std::is_gt(order) ? 1 : 0; }

int compare_identifiers(const std::string& one, const std::string& other) {
    const bool is_number = is_digits(one);
    if (is_number != is_digits(other)) {
        return is_number ? -1 : 1;
    }
    // Without leading zeros the longer number is the larger one.
    return is_number && one.size() != other.size() ? (one.size() < other.size() ? -1 : 1) : sign(one <=> other);
}

/// Without white space after an operator, or the "v" of "=v1.0.0".
std::string without_space_after_operators(std::string_view text) {
    std::string dense;
    for (std::size_t i = 0; i < text.size(); ++i) {
        dense += text[i];
        if (std::string_view("><=~^").find(text[i]) == std::string_view::npos) {
            continue;
        }
        const std::size_t next = std::min(text.find_first_not_of(white, i + 1), text.size());
        i = next > i + 1 ? next - 1 : next < text.size() && text[next] == 'v' ? next : i;
    }
    return dense;
}

}  // namespace

std::optional<SemanticVersion> SemanticVersion::parse(std::string_view text) {
    const auto partial = text.size() > VersionRange::longest ? std::nullopt : parse_partial(text);
    return partial && partial->is_whole() ? std::optional(partial->lowest()) : std::nullopt;
}

int SemanticVersion::compare(const SemanticVersion& other) const {
    if (const int order = sign(numbers <=> other.numbers); order != 0) {
        return order;
    }
    if (is_stable() || other.is_stable()) {
        return static_cast<int>(is_stable()) - static_cast<int>(other.is_stable());
    }
    for (std::size_t i = 0; i < std::min(prerelease.size(), other.prerelease.size()); ++i) {
        if (const int order = compare_identifiers(prerelease[i], other.prerelease[i]); order != 0) {
            return order;
        }
    }
    return sign(prerelease.size() <=> other.prerelease.size());
}

std::optional<VersionRange> VersionRange::parse(std::string_view text) {
    if (text.size() > longest) {
        return std::nullopt;
    }
    VersionRange range;
    const std::string dense = without_space_after_operators(text);
    if (dense.empty()) {
        range.alternatives_.push_back({.is_all = true});
        return range;
    }
    std::string_view rest = dense;
    while (true) {
        const std::size_t end = rest.find("||");
        std::string_view one = rest.substr(0, end);
        if (end != std::string_view::npos) {
            one = one.substr(0, one.find_last_not_of(white) + 1);
        }
        auto alternative = parse_alternative(one);
        if (!alternative) {
            return std::nullopt;
        }
        range.alternatives_.push_back(std::move(*alternative));
        if (end == std::string_view::npos) {
            return range;
        }
        rest.remove_prefix(end + 2);
        rest.remove_prefix(std::min(rest.find_first_not_of(white), rest.size()));
    }
}

bool VersionRange::includes(const SemanticVersion& version) const {
    return std::any_of(alternatives_.begin(), alternatives_.end(),
                       [&](const Alternative& alternative) { return includes(alternative, version); });
}

bool VersionRange::includes(const Alternative& alternative, const SemanticVersion& version) {
    if (alternative.bounds.empty()) {
        return alternative.is_all;
    }
    const auto names_it = [&](const Bound& bound) {
        return !bound.version.is_stable() && bound.version.numbers == version.numbers;
    };
    return std::all_of(alternative.bounds.begin(), alternative.bounds.end(),
                       [&](const Bound& bound) { return holds(bound, version); }) &&
           (version.is_stable() || std::any_of(alternative.bounds.begin(), alternative.bounds.end(), names_it));
}

bool VersionRange::holds(const Bound& bound, const SemanticVersion& version) {
    const int order = version.compare(bound.version);
    switch (bound.is) {
        case Bound::Is::at_least: return order >= 0;
        case Bound::Is::more: return order > 0;
        case Bound::Is::less: return order < 0;
        case Bound::Is::at_most: return order <= 0;
        case Bound::Is::same: break;
    }
    return order == 0 && version.build == bound.version.build;
}

std::optional<VersionRange::Alternative> VersionRange::parse_alternative(std::string_view text) {
    std::vector<std::string_view> words;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find_first_of(white, at), text.size());
        words.push_back(text.substr(at, end - at));
        at = std::min(text.find_first_not_of(white, end), text.size());
    }
    Alternative alternative;
    if (words.size() == 3 && words[1] == "-") {
        return add_hyphen(alternative, words[0], words[2]) ? std::optional(alternative) : std::nullopt;
    }
    const bool is_good =
        std::all_of(words.begin(), words.end(), [&](std::string_view word) { return add_simple(alternative, word); });
    return is_good ? std::optional(std::move(alternative)) : std::nullopt;
}

bool VersionRange::add_hyphen(Alternative& alternative, std::string_view from, std::string_view to) {
    const auto first = parse_partial(from);
    const auto last = parse_partial(to);
    if (!first || !last) {
        return false;
    }
    alternative.bounds = {{Bound::Is::at_least, first->lowest()}, {Bound::Is::at_most, last->lowest()}};
    return true;
}

bool VersionRange::add_simple(Alternative& alternative, std::string_view text) {
    using Is = Bound::Is;
    const std::size_t begin = std::min(text.find_first_not_of("><=~^"), text.size());
    const std::string_view operation = text.substr(0, begin);
    const auto partial = parse_partial(text.substr(begin));
    if (!partial) {
        return false;
    }
    const std::size_t known = partial->numbers.size();
    const SemanticVersion lowest = partial->lowest();
    const auto add = [&](Is is, const SemanticVersion& version) { alternative.bounds.push_back({is, version}); };
    const auto add_up_to = [&](std::size_t count) {
        add(Is::at_least, lowest);
        add(Is::less, next_after(*partial, std::min(known, count)));
    };
    if (operation == ">=") {
        add(Is::at_least, lowest);
    } else if (operation == "<") {
        add(Is::less, lowest);
    } else if (operation == ">" && known == 0) {
        add(Is::less, {});  // nothing
    } else if (operation == ">") {
        add(partial->is_whole() ? Is::more : Is::at_least, partial->is_whole() ? lowest : next_after(*partial, known));
    } else if (known == 0) {
        alternative.is_all = true;
    } else if (operation == "<=") {
        add(partial->is_whole() ? Is::at_most : Is::less, partial->is_whole() ? lowest : next_after(*partial, known));
    } else if (operation == "^") {
        add_up_to(partial->numbers.front() == 0 ? 2 : 1);
    } else if ((operation.empty() || operation == "=") && partial->is_whole()) {
        add(Is::same, lowest);
    } else if (operation.empty() || operation == "=" || operation == "~" || operation == "~>" || operation == "~=") {
        add_up_to(2);
    } else {
        return false;
    }
    return true;
}

}  // namespace bootwright
