#pragma once

#include "agent/repository/fetch_request.hpp"
#include "agent/repository/proof/commit_words.hpp"
#include "common/base/error.hpp"
#include "common/documents/json.hpp"
#include "common/net/redactor.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace bootwright {

/// What `bootwright diff` asks of the child: what lies between two revisions of the control repository. Nothing that a run
/// uses is changed.
struct BetweenRequest {
    /// Folders to work in; and, to ask for the history that is not here, the places and what opens them. Without places
    /// nobody is asked.
    FetchRequest fetch;
    std::filesystem::path kept;                  ///< the folder of this machine's bare repositories
    std::vector<std::filesystem::path> seeds{};  ///< further bare repositories of this machine
    std::string before;                          ///< full commit ids
    std::string after;
};

/// What lies between them. What strangers wrote is fit to be shown.
struct Between {
    struct Commit {
        std::string id;
        CommitWords words;  ///< subject, author and time
    };
    struct File {
        std::string change;  ///< "A", "M" or "D", as git has it
        std::string path;
    };
    struct Module {
        std::string name;    ///< "modules/stdlib"
        std::string before;  ///< a version, a commit, or another name of a revision; "": it is not there
        std::string after;
    };

    bool has_commits = false;       ///< false: their history is not here
    std::vector<Commit> added{};    ///< the first of what only the later revision comes from
    std::vector<Commit> removed{};  ///< the same of the earlier one
    std::uint64_t added_count = 0;  ///< all of them
    std::uint64_t removed_count = 0;
    std::optional<Error> not_deepened{};  ///< why no place gave the history, if one was asked
    bool has_files = false;               ///< false: one of the two trees is not here
    std::vector<File> files{};            ///< the first of them, in the order of the tree
    std::uint64_t files_count = 0;
    std::vector<Module> modules{};
};

/// When its author claims to have written it: "2026-11-22T21:31:32.000Z"; "": not known.
std::string date_of(const Between::Commit& commit);

Json to_json(const BetweenRequest& request);
/// @throws std::exception if `json` was not made by to_json
BetweenRequest between_request_from_json(const Json& json);

Json to_json(const Between& between);
/// Of what the child says, or wrote down: short, printable, and without what `redactor` knows. Nothing where something is missing.
Between between_from_json(const Json& json, const Redactor& redactor);

}  // namespace bootwright
