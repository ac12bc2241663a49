#include "agent/commands/past/difference.hpp"

#include "agent/commands/output.hpp"
#include "agent/commands/past/between_revisions.hpp"
#include "agent/commands/past/package_section.hpp"
#include "agent/record/past_contents.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"

#include <algorithm>
#include <utility>

namespace bootwright {

namespace {

/// The two documents of one kind. Says in `difference` if one is not there.
std::optional<std::pair<Json, Json>> both(const System& system, Difference& difference, const char* what) {
    const std::string before = string_at(member_at(difference.from, "kept"), what);
    const std::string after = string_at(member_at(difference.to, "kept"), what);
    if (before == after && !before.empty()) {
        return std::nullopt;  // the same
    }
    const auto read = [&](const Json& line, const std::string& name) {
        auto document = read_kept(system, name);
        if (!document) {
            difference.unknown.push_back(std::string(what) + " of run " + shown(member_at(line, "run"), "null") +
                                         (name.empty() ? ": there was none" : ": not kept any more"));
        }
        return document;
    };
    auto old_document = read(difference.from, before);
    auto new_document = read(difference.to, after);
    return old_document && new_document ? std::optional(std::pair(std::move(*old_document), std::move(*new_document)))
                                        : std::nullopt;
}

void add_between(const System& system, Difference& difference, bool asks) {
    const std::string before = string_at(difference.from, "revision");
    const std::string after = string_at(difference.to, "revision");
    if (before == after || !is_commit_id(before) || !is_commit_id(after)) {
        return;
    }
    try {
        difference.between = between_revisions(system, before, after, asks);
    } catch (const Error& error) {
        if (error.kind == ErrorKind::stopped) {
            throw;
        }
        difference.unknown.push_back("commits and files: " + error.message + " (" + error.code + ")");
    }
}

const char* word_of(ResourceChange::Kind kind) {
    switch (kind) {
        case ResourceChange::Kind::added: return "added";
        case ResourceChange::Kind::removed: return "removed";
        case ResourceChange::Kind::changed: return "changed";
    }
    return "";
}

Json to_json(const std::vector<ValueChange>& changes) {
    Json list = Json::array();
    for (const ValueChange& change : changes) {
        list.push_back({{"name", change.name}, {"before", change.before}, {"after", change.after}});
    }
    return list;
}

Json commits_in_json(const std::vector<Between::Commit>& commits) {
    Json list = Json::array();
    for (const Between::Commit& commit : commits) {
        list.push_back({{"id", commit.id},
                        {"subject", commit.words.subject},
                        {"author", commit.words.author},
                        {"written", text_or_null(date_of(commit))}});
    }
    return list;
}

/// null: their history is not here.
Json commits_in_json(const std::optional<Between>& between) {
    if (!between || !between->has_commits) {
        return nullptr;
    }
    return {{"added", commits_in_json(between->added)},
            {"added_count", between->added_count},
            {"removed", commits_in_json(between->removed)},
            {"removed_count", between->removed_count}};
}

/// null: one of the trees is not here.
Json files_in_json(const std::optional<Between>& between) {
    if (!between || !between->has_files) {
        return nullptr;
    }
    Json list = Json::array();
    for (const Between::File& file : between->files) {
        list.push_back({{"change", file.change}, {"path", file.path}});
    }
    return {{"list", std::move(list)}, {"count", between->files_count}};
}

Json modules_in_json(const std::optional<Between>& between) {
    Json list = Json::array();
    for (const Between::Module& module : between ? between->modules : std::vector<Between::Module>()) {
        list.push_back(
            {{"module", module.name}, {"before", text_or_null(module.before)}, {"after", text_or_null(module.after)}});
    }
    return list;
}

}  // namespace

Difference compare(const System& system, Json from, Json to, bool asks) {
    Difference difference{std::move(from), std::move(to)};
    add_between(system, difference, asks);
    if (const auto configs = both(system, difference, "role_config")) {
        difference.role_config =
            value_changes(member_at(configs->first, "config"), member_at(configs->second, "config"));
        if (member_at(difference.from, "noop") != member_at(difference.to, "noop")) {  // the operator's own word
            std::erase_if(difference.role_config,
                          [](const ValueChange& change) { return change.name == "puppet.noop"; });
        }
    }
    if (const auto facts = both(system, difference, "facts")) {
        difference.facts = value_changes(facts->first, facts->second);
    }
    difference.packages = compare_packages(system, difference.from, difference.to, difference.unknown);
    if (const auto catalogs = both(system, difference, "catalog")) {
        difference.resources = catalog_changes(catalogs->first, catalogs->second);
    }
    return difference;
}

bool has_same_resources(const Difference& difference) {
    return difference.resources.empty() &&
           std::none_of(difference.unknown.begin(), difference.unknown.end(),
                        [](const std::string& unknown) { return unknown.starts_with("catalog "); });
}

Json to_json(const Difference& difference) {
    Json resources = Json::array();
    for (const ResourceChange& change : difference.resources) {
        resources.push_back({{"resource", change.resource},
                             {"change", word_of(change.kind)},
                             {"file", text_or_null(change.file)},
                             {"line", change.line == 0 ? Json() : Json(change.line)},
                             {"parameters", to_json(change.parameters)}});
    }
    return {{"from", difference.from},
            {"to", difference.to},
            {"commits", commits_in_json(difference.between)},
            {"files", files_in_json(difference.between)},
            {"modules", modules_in_json(difference.between)},
            {"role_config", to_json(difference.role_config)},
            {"facts", to_json(difference.facts)},
            {"packages", difference.packages ? to_json(*difference.packages) : Json()},
            {"resources", std::move(resources)},
            {"ignored", difference.ignored},
            {"unknown", difference.unknown}};
}

}  // namespace bootwright
