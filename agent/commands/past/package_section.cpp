#include "agent/commands/past/package_section.hpp"

#include "agent/commands/output.hpp"
#include "agent/record/past_packages.hpp"
#include "common/base/text.hpp"

#include <algorithm>

namespace bootwright {

namespace {

using Kind = PackageChange::Kind;

/// Also what stands before a line for people.
struct KindWords {
    const char* word;
    Piece sign;
};

KindWords words_of(Kind kind) {
    switch (kind) {
        case Kind::added: return {"new", {"+", Tone::good}};
        case Kind::removed: return {"gone", {"-", Tone::bad}};
        case Kind::up: return {"up", {"~", Tone::doubtful}};
        case Kind::down: return {"down", {"~", Tone::bad}};
        case Kind::other: break;
    }
    return {"other", {"~", Tone::doubtful}};
}

void print_package(const PackageChange& change) {
    const std::string versions = change.before.empty()  ? change.after
                                 : change.after.empty() ? "was " + change.before
                                                        : change.before + " -> " + change.after;
    print_line(Line{{words_of(change.kind).sign,
                     {" " + change.package, Tone::strong},
                     {" " + versions + (change.kind == Kind::down ? " (older)" : "")}}});
}

}  // namespace

std::optional<std::vector<PackageChange>> compare_packages(const System& system, const Json& from, const Json& to,
                                                           std::vector<std::string>& unknown) {
    const Json& said = member_at(from, "packages");
    if (!said.is_null() && said == member_at(to, "packages")) {
        return std::vector<PackageChange>{};  // the same
    }
    const auto read = [&](const Json& line) {
        auto packages = read_packages(system, line);
        if (!packages) {
            unknown.push_back("packages of run " + shown(member_at(line, "run"), "null") +
                              (member_at(line, "packages").is_null() ? ": not known" : ": not kept any more"));
        }
        return packages;
    };
    const auto before = read(from);
    const auto after = read(to);
    return before && after ? std::optional(package_changes(*before, *after)) : std::nullopt;
}

Json to_json(const std::vector<PackageChange>& changes) {
    Json list = Json::array();
    for (const PackageChange& change : changes) {
        list.push_back({{"package", change.package},
                        {"change", words_of(change.kind).word},
                        {"before", text_or_null(change.before)},
                        {"after", text_or_null(change.after)}});
    }
    return list;
}

void print_packages(const std::vector<PackageChange>& changes, bool is_short) {
    std::string counts;
    for (const Kind kind : {Kind::up, Kind::down, Kind::added, Kind::removed, Kind::other}) {
        const auto count = std::count_if(changes.begin(), changes.end(),
                                         [&](const PackageChange& change) { return change.kind == kind; });
        if (count > 0 || kind != Kind::other) {
            counts += (counts.empty() ? "" : ", ") + std::to_string(count) + " " + words_of(kind).word;
        }
    }
    print_line("packages: " + counts);
    if (!is_short) {
        std::for_each(changes.begin(), changes.end(), print_package);
    }
}

}  // namespace bootwright
