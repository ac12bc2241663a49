// What goes between the command and its child. It has a file of its own, so that the command does not load libgit2.

#include "agent/repository/between_request.hpp"

#include "common/base/clock.hpp"
#include "common/base/encoding.hpp"
#include "common/base/text.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace bootwright {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t most_listed = 2000;  // of each kind
constexpr std::size_t longest_path = 1000;
constexpr std::size_t longest_version = 100;

/// Reads each object of a list with `read`.
template <typename Read>
auto listed(const Json& list, const Read& read) {
    std::vector<decltype(read(list))> all;
    for (const Json& one : list) {
        if (one.is_object() && all.size() < most_listed) {
            all.push_back(read(one));
        }
    }
    return all;
}

Json list_of(const std::vector<Between::Commit>& commits) {
    Json list = Json::array();
    for (const Between::Commit& commit : commits) {
        list.push_back({{"id", commit.id},
                        {"subject", commit.words.subject},
                        {"author", commit.words.author},
                        {"written", commit.words.written}});
    }
    return list;
}

Json list_of(const std::vector<Between::File>& files) {
    Json list = Json::array();
    for (const Between::File& file : files) {
        list.push_back({{"change", file.change}, {"path", file.path}});
    }
    return list;
}

Json list_of(const std::vector<Between::Module>& modules) {
    Json list = Json::array();
    for (const Between::Module& module : modules) {
        list.push_back({{"module", module.name}, {"before", module.before}, {"after", module.after}});
    }
    return list;
}

/// Makes what strangers wrote fit to be shown.
struct Reader {
    const Redactor& redactor;

    [[nodiscard]] std::string text(const Json& json, const char* key, std::size_t longest) const {
        return shortened(printable(redactor.cleaned(string_at(json, key))), longest);
    }
    [[nodiscard]] std::vector<Between::Commit> commits(const Json& list) const {
        auto all = listed(list, [&](const Json& one) {
            CommitWords words{.subject = redactor.cleaned(string_at(one, "subject")),
                              .author = redactor.cleaned(string_at(one, "author")),
                              .written = static_cast<std::int64_t>(number_at(one, "written"))};
            return Between::Commit{string_at(one, "id"), fit_to_be_shown(std::move(words))};
        });
        std::erase_if(all, [](const Between::Commit& commit) { return !is_commit_id(commit.id); });
        return all;
    }
    [[nodiscard]] std::vector<Between::File> files(const Json& list) const {
        return listed(list, [&](const Json& one) {
            return Between::File{text(one, "change", 1), text(one, "path", longest_path)};
        });
    }
    [[nodiscard]] std::vector<Between::Module> modules(const Json& list) const {
        return listed(list, [&](const Json& one) {
            return Between::Module{text(one, "module", longest_path), text(one, "before", longest_version),
                                   text(one, "after", longest_version)};
        });
    }
};

}  // namespace

std::string date_of(const Between::Commit& commit) {
    const std::chrono::system_clock::time_point written{std::chrono::seconds(commit.words.written)};
    return commit.words.written == 0 ? "" : to_iso8601(written);
}

// By hand, since only FetchRequest's own file knows its JSON.
Json to_json(const BetweenRequest& request) {
    Json seeds = Json::array();
    for (const fs::path& seed : request.seeds) {
        seeds.push_back(seed.string());
    }
    Json json = to_json(request.fetch);
    json["between"] = {{"kept", request.kept.string()},
                       {"seeds", std::move(seeds)},
                       {"before", request.before},
                       {"after", request.after}};
    return json;
}

BetweenRequest between_request_from_json(const Json& json) {
    const Json& own = json.at("between");
    BetweenRequest request{.fetch = fetch_request_from_json(json),
                           .kept = own.at("kept").get<std::string>(),
                           .before = own.at("before"),
                           .after = own.at("after")};
    for (const Json& seed : own.at("seeds")) {
        request.seeds.emplace_back(seed.get<std::string>());
    }
    return request;
}

Json to_json(const Between& between) {
    return {{"has_commits", between.has_commits},
            {"added", list_of(between.added)},
            {"removed", list_of(between.removed)},
            {"added_count", between.added_count},
            {"removed_count", between.removed_count},
            {"not_deepened", between.not_deepened ? to_json(*between.not_deepened) : Json()},
            {"has_files", between.has_files},
            {"files", list_of(between.files)},
            {"files_count", between.files_count},
            {"modules", list_of(between.modules)}};
}

Between between_from_json(const Json& json, const Redactor& redactor) {
    const Reader reader{redactor};
    Between between{.has_commits = member_at(json, "has_commits") == Json(true),
                    .added = reader.commits(member_at(json, "added")),
                    .removed = reader.commits(member_at(json, "removed")),
                    .added_count = number_at(json, "added_count"),
                    .removed_count = number_at(json, "removed_count"),
                    .has_files = member_at(json, "has_files") == Json(true),
                    .files = reader.files(member_at(json, "files")),
                    .files_count = number_at(json, "files_count"),
                    .modules = reader.modules(member_at(json, "modules"))};
    if (const Json& problem = member_at(json, "not_deepened"); problem.is_object()) {
        between.not_deepened = error_from_json(problem);
        for (std::string* text : {&between.not_deepened->message, &between.not_deepened->advice}) {
            *text = redactor.cleaned(*text);
        }
    }
    return between;
}

}  // namespace bootwright
