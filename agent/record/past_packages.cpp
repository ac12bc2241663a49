#include "agent/record/past_packages.hpp"

#include "agent/record/past_contents.hpp"
#include "common/base/sha256.hpp"
#include "common/files/file.hpp"

#include <algorithm>
#include <filesystem>
#include <string>
#include <utility>

namespace bootwright {

namespace {

/// What the last run's line said, and what the database was then.
std::filesystem::path note_file(const System& system) { return system.state() / "past" / "packages.json"; }

Json read_note(const System& system) {
    constexpr std::size_t largest_note = 4096;
    Json note = parse_json(read_or_empty(note_file(system), largest_note));
    return number_at(note, "schema") == 1 ? note : Json();
}

/// All that the line names is there.
bool is_whole(const System& system, const Json& line) {
    const Json& kept = member_at(line, "kept");
    return !kept.empty() && std::all_of(kept.begin(), kept.end(), [&](const Json& name) {
        return name.is_string() && is_kept(system, name.get<std::string>());
    });
}

/// The strings of an object.
Packages packages_in(const Json& object) {
    Packages packages;
    for (const auto& [name, version] : object.items()) {
        if (version.is_string()) {
            packages[name] = version.get<std::string>();
        }
    }
    return packages;
}

std::optional<Packages> read_list(const System& system, const std::string& name) {
    const Json list = member_at(read_kept(system, name).value_or(Json()), "packages");
    return list.is_object() ? std::optional(packages_in(list)) : std::nullopt;
}

/// What makes `list` of `base`: versions, and null for what is gone.
Json changes_between(const Packages& base, const Packages& list) {
    Json changes = Json::object();
    for (const auto& [name, version] : list) {
        const auto old = base.find(name);
        if (old == base.end() || old->second != version) {
            changes[name] = version;
        }
    }
    for (const auto& [name, version] : base) {
        if (!list.contains(name)) {
            changes[name] = nullptr;
        }
    }
    return changes;
}

/// The names in the past. A new whole list when so much has changed that the changes would soon take more room.
Json keep_list(const System& system, const Packages& list, const std::string& last_whole) {
    constexpr std::size_t share = 16;
    if (const auto base = read_list(system, last_whole)) {
        const Json changes = changes_between(*base, list);
        if (changes.empty()) {
            return {{"packages", last_whole}};
        }
        if (changes.size() <= list.size() / share) {
            return {{"packages", last_whole}, {"package_changes", keep_as_it_is(system, {{"changes", changes}})}};
        }
    }
    return {{"packages", keep_as_it_is(system, {{"packages", list}})}};
}

}  // namespace

Json keep_packages(const System& system) {
    const std::string stamp = package_database_stamp(system);
    const Json note = read_note(system);
    const Json& last = member_at(note, "line");
    const bool is_last_whole = is_whole(system, last);
    if (!stamp.empty() && is_last_whole && string_at(note, "stamp") == stamp) {
        return last;
    }
    const auto list = installed_packages(system);
    if (!list) {
        return {};
    }
    constexpr std::size_t digits = 16;
    const Json said{{"count", list->size()}, {"digest", sha256_hex(to_line(*list)).substr(0, digits)}};
    Json line = last;
    if (!is_last_whole || member_at(last, "packages") != said) {
        line = {{"packages", said}, {"kept", keep_list(system, *list, string_at(member_at(last, "kept"), "packages"))}};
    }
    write_file(note_file(system), to_line({{"schema", 1}, {"stamp", stamp}, {"line", line}}), 0600);
    return line;
}

std::optional<Packages> read_packages(const System& system, const Json& line) {
    const Json& kept = member_at(line, "kept");
    auto list = read_list(system, string_at(kept, "packages"));
    const std::string name = string_at(kept, "package_changes");
    if (!list || name.empty()) {
        return list;
    }
    const Json changes = member_at(read_kept(system, name).value_or(Json()), "changes");
    if (!changes.is_object()) {
        return std::nullopt;
    }
    for (const auto& [package, version] : changes.items()) {
        list->erase(package);
    }
    list->merge(packages_in(changes));
    return list;
}

}  // namespace bootwright
