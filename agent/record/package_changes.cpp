#include "agent/record/package_changes.hpp"

#include "common/base/text.hpp"

#include <algorithm>

namespace bootwright {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Takes the digits, or what is none, from the front of `text`.
std::string_view take(std::string_view& text, bool digits) {
    const auto end = std::find_if(text.begin(), text.end(), [&](char c) { return is_digit(c) != digits; });
    const std::string_view taken = text.substr(0, static_cast<std::size_t>(end - text.begin()));
    text.remove_prefix(taken.size());
    return taken;
}

/// "~" comes before the end of the text, then letters, then everything else.
int rank(std::string_view text, std::size_t index) {
    if (index >= text.size()) {
        return 0;
    }
    const auto c = static_cast<unsigned char>(text[index]);
    constexpr int behind_letters = 256;
    return c == '~' ? -1 : is_alphanumeric(text[index]) ? c : c + behind_letters;
}

int compare_words(std::string_view a, std::string_view b) {
    for (std::size_t i = 0; i < std::max(a.size(), b.size()); ++i) {
        if (const int difference = rank(a, i) - rank(b, i); difference != 0) {
            return difference;
        }
    }
    return 0;
}

/// Of any length.
int compare_numbers(std::string_view a, std::string_view b) {
    a.remove_prefix(std::min(a.find_first_not_of('0'), a.size()));
    b.remove_prefix(std::min(b.find_first_not_of('0'), b.size()));
    return a.size() != b.size() ? (a.size() < b.size() ? -1 : 1) : a.compare(b);
}

int compare_parts(std::string_view a, std::string_view b) {
    while (!a.empty() || !b.empty()) {
        const std::string_view word = take(a, false);
        if (const int difference = compare_words(word, take(b, false)); difference != 0) {
            return difference;
        }
        const std::string_view number = take(a, true);
        if (const int difference = compare_numbers(number, take(b, true)); difference != 0) {
            return difference;
        }
    }
    return 0;
}

struct Version {
    std::string_view epoch{};
    std::string_view upstream;
    std::string_view revision{};

    explicit Version(std::string_view text) : upstream(text) {
        if (const std::size_t colon = upstream.find(':'); colon != std::string_view::npos) {
            epoch = upstream.substr(0, colon);
            upstream.remove_prefix(colon + 1);
        }
        if (const std::size_t dash = upstream.rfind('-'); dash != std::string_view::npos) {
            revision = upstream.substr(dash + 1);
            upstream = upstream.substr(0, dash);
        }
    }
};

PackageChange::Kind kind_of(std::string_view before, std::string_view after) {
    using Kind = PackageChange::Kind;
    const int difference =
        compare_debian_versions(before.substr(0, before.find(' ')), after.substr(0, after.find(' ')));
    return difference < 0 ? Kind::up : difference > 0 ? Kind::down : Kind::other;
}

}  // namespace

int compare_debian_versions(std::string_view a, std::string_view b) {
    const Version left(a);
    const Version right(b);
    if (const int difference = compare_parts(left.epoch, right.epoch); difference != 0) {
        return difference;
    }
    const int difference = compare_parts(left.upstream, right.upstream);
    return difference != 0 ? difference : compare_parts(left.revision, right.revision);
}

std::vector<PackageChange> package_changes(const Packages& before, const Packages& after) {
    std::vector<PackageChange> changes;
    for (const auto& [package, version] : after) {
        const auto old = before.find(package);
        if (old == before.end()) {
            changes.push_back({PackageChange::Kind::added, package, "", version});
        } else if (old->second != version) {
            changes.push_back({kind_of(old->second, version), package, old->second, version});
        }
    }
    for (const auto& [package, version] : before) {
        if (!after.contains(package)) {
            changes.push_back({PackageChange::Kind::removed, package, version, ""});
        }
    }
    std::sort(changes.begin(), changes.end(),
              [](const PackageChange& a, const PackageChange& b) { return a.package < b.package; });
    return changes;
}

}  // namespace bootwright
