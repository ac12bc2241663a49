#include "agent/commands/output.hpp"
#include "agent/commands/past/difference.hpp"
#include "agent/commands/past/package_section.hpp"
#include "common/base/text.hpp"
#include "common/documents/text_difference.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace bootwright {

namespace {

Piece sign_of(ResourceChange::Kind kind) {
    switch (kind) {
        case ResourceChange::Kind::added: return {"+", Tone::good};
        case ResourceChange::Kind::removed: return {"-", Tone::bad};
        case ResourceChange::Kind::changed: break;
    }
    return {"~", Tone::doubtful};
}

/// A line of a text diff.
Tone tone_of(const std::string& line) {
    return line.starts_with('+') ? Tone::good : line.starts_with('-') ? Tone::bad : Tone::plain;
}

/// Text of several lines as a text diff, everything else as "before -> after".
void print_change(const ValueChange& change, const std::string& indent) {
    const auto is_long = [](const Json& value) {
        return value.is_string() && value.get_ref<const std::string&>().find('\n') != std::string::npos;
    };
    if (is_long(change.before) || is_long(change.after)) {
        print_line(indent + change.name + ":");
        for (const std::string& line : line_difference(shown(change.before, ""), shown(change.after, ""))) {
            print_line(Line{{{indent + "  "}, {line, tone_of(line)}}});
        }
    } else if (change.before.is_null()) {
        print_line(indent + change.name + ": " + shown(change.after, "null"));
    } else if (change.after.is_null()) {
        print_line(indent + change.name + ": was " + shown(change.before));
    } else {
        print_line(indent + change.name + ": " + shown(change.before) + " -> " + shown(change.after));
    }
}

void print_changes(const std::vector<ValueChange>& changes, const char* title) {
    if (!changes.empty()) {
        print_line(title);
    }
    for (const ValueChange& change : changes) {
        print_change(change, "  ");
    }
}

void print_head(const Difference& difference) {
    const auto run = [](const Json& line) {
        return "run " + shown(member_at(line, "run"), "null") + " (" + string_at(line, "ended") +
               (member_at(line, "noop") == Json(true) ? ", noop" : "") + ")";
    };
    print_line("from " + run(difference.from) + " to " + run(difference.to));
    for (const char* what : {"instance", "role", "revision", "configuration", "repositories", "puppet_version",
                             "agent_version", "outcome"}) {
        const Json& before = member_at(difference.from, what);
        const Json& after = member_at(difference.to, what);
        if (before != after) {
            print_line(std::string("  ") + what + ": " + shown(before, "null") + " -> " + shown(after, "null"));
        }
    }
    for (const std::string& unknown : difference.unknown) {
        print_line("  not compared: " + unknown);
    }
}

std::size_t count(const Difference& difference, ResourceChange::Kind kind) {
    return static_cast<std::size_t>(std::count_if(difference.resources.begin(), difference.resources.end(),
                                                  [&](const ResourceChange& change) { return change.kind == kind; }));
}

/// As many as somebody reads, and how many more there are.
template <typename Item, typename Print>
void print_first(const std::vector<Item>& items, std::uint64_t count, const Print& print_one) {
    constexpr std::size_t most = 50;
    const std::size_t shown_count = std::min(most, items.size());
    std::for_each(items.begin(), items.begin() + static_cast<std::ptrdiff_t>(shown_count), print_one);
    if (count > shown_count) {
        print_line("  and " + std::to_string(count - shown_count) + " more");
    }
}

/// " (Ada, 2026-11-20)", as far as it is known.
std::string author_and_day(const Between::Commit& commit) {
    constexpr std::size_t day = 10;
    std::vector<std::string> words{commit.words.author, date_of(commit).substr(0, day)};
    std::erase(words, "");
    return words.empty() ? "" : " (" + joined(words, ", ") + ")";
}

void print_commits(const std::vector<Between::Commit>& commits, std::uint64_t count, const Piece& sign) {
    print_first(commits, count, [&](const Between::Commit& commit) {
        constexpr std::size_t short_id = 7;
        print_line(Line{{{"  "},
                         sign,
                         {" " + commit.id.substr(0, short_id) + " " + commit.words.subject},
                         {author_and_day(commit), Tone::quiet}}});
    });
}

/// Commits, files and modules.
void print_between(const Between& between, bool is_short) {
    if (between.has_commits) {
        print_line("commits: " + std::to_string(between.added_count) + " added, " +
                   std::to_string(between.removed_count) + " removed");
        if (!is_short) {
            print_commits(between.added, between.added_count, {"+", Tone::good});
            print_commits(between.removed, between.removed_count, {"-", Tone::bad});
        }
    } else if (between.not_deepened) {
        print_line("commits: not known: " + between.not_deepened->message + " (" + between.not_deepened->code + ")");
    } else {
        print_line("commits: not known: their history is not on this machine; --deepen asks for it");
    }
    if (!between.has_files) {
        print_line("files: not known: one of the two revisions is not on this machine any more");
        return;
    }
    print_line("files: " + std::to_string(between.files_count) + " changed");
    if (!is_short) {
        print_first(between.files, between.files_count,
                    [](const Between::File& file) { print_line("  " + file.change + " " + file.path); });
    }
    if (!between.modules.empty()) {
        print_line("modules:");
    }
    for (const Between::Module& module : between.modules) {
        print_line("  " + module.name + ": " + (module.before.empty() ? "new" : module.before) + " -> " +
                   (module.after.empty() ? "removed" : module.after));
    }
}

void print_resource(const ResourceChange& change) {
    const std::string place = change.file.empty() ? "" : " (" + change.file + ":" + std::to_string(change.line) + ")";
    print_line(Line{{sign_of(change.kind), {" " + change.resource, Tone::strong}, {place}}});
    if (change.kind == ResourceChange::Kind::removed) {
        return;
    }
    for (const ValueChange& parameter : change.parameters) {
        print_change(parameter, "    ");
    }
}

}  // namespace

void print(const Difference& difference, bool is_short) {
    using Kind = ResourceChange::Kind;
    print_head(difference);
    if (difference.between) {
        print_between(*difference.between, is_short);
    }
    print_changes(difference.role_config, "role config:");
    print_changes(difference.facts, "facts:");
    if (difference.packages) {
        print_packages(*difference.packages, is_short);
    }
    print_line("resources: " + std::to_string(count(difference, Kind::added)) + " added, " +
               std::to_string(count(difference, Kind::changed)) + " changed, " +
               std::to_string(count(difference, Kind::removed)) + " removed" +
               (difference.ignored == 0 ? "" : "; " + std::to_string(difference.ignored) + " ignored"));
    if (!is_short) {
        std::for_each(difference.resources.begin(), difference.resources.end(), print_resource);
    }
}

}  // namespace bootwright
