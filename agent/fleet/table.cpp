#include "agent/fleet/table.hpp"

#include "agent/commands/output.hpp"
#include "common/base/text.hpp"

#include <algorithm>
#include <string>

namespace bootwright {

namespace {

constexpr std::size_t id_width = 12;  // of a commit, as git shows it
constexpr std::size_t state_width = 11;

/// "7 failed, 2 unreachable, 991 good"
std::string counts_in_words(const Json& overview) {
    std::vector<std::string> words;
    for (const Json& row : member_at(overview, "machines")) {  // in the order of the table
        const std::string state = string_at(row, "state");
        std::string word = std::to_string(number_at(member_at(overview, "counts"), state.c_str())) + " " + state;
        if (words.empty() || words.back() != word) {
            words.push_back(std::move(word));
        }
    }
    return joined(words, ", ");
}

/// The longest of a column, between `shortest` and `longest`.
std::size_t width_of(const Json& rows, const char* key, std::size_t shortest, std::size_t longest) {
    std::size_t width = shortest;
    for (const Json& row : rows) {
        width = std::max(width, string_at(row, key).size());
    }
    return std::min(width, longest);
}

std::string text_of(const Json& row, const char* key) {
    const std::string text = string_at(row, key);
    return text.empty() ? "-" : text;
}

void print_row(const Json& row, std::size_t host_width, std::size_t role_width) {
    const bool is_tried = string_at(row, "state") == "failed";
    print_line(cell(text_of(row, "host"), host_width) + cell(text_of(row, "state"), state_width) +
               cell(text_of(row, "role"), role_width) +
               cell(text_of(row, is_tried ? "tried" : "revision").substr(0, id_width), id_width) +
               minute(member_at(row, "ended")));
    if (const std::string what = string_at(row, "what"); !what.empty()) {
        print_line("    " + what);
    }
    for (const Json& failed : member_at(row, "failed_resources")) {
        print_line("    " + string_at(failed, "resource") + ": " + string_at(failed, "message"));
    }
}

void print_machines(const Json& overview, bool lists_all) {
    constexpr std::size_t longest_host = 40;
    constexpr std::size_t longest_role = 20;
    Json rows = Json::array();
    for (const Json& row : member_at(overview, "machines")) {
        if (lists_all || string_at(row, "state") != "good") {
            rows.push_back(row);
        }
    }
    if (rows.empty()) {
        return;
    }
    const std::size_t host_width = width_of(rows, "host", 8, longest_host);
    const std::size_t role_width = width_of(rows, "role", 4, longest_role);
    print_line("");
    print_line(cell("MACHINE", host_width) + cell("STATE", state_width) + cell("ROLE", role_width) +
               cell("REVISION", id_width) + "LAST RUN (UTC)");
    for (const Json& row : rows) {
        print_row(row, host_width, role_width);
    }
}

/// " (web-1, web-2, …)"
std::string some_of(const Json& count) {
    std::vector<std::string> names;
    for (const Json& name : member_at(count, "such_as")) {
        names.push_back(shown(name));
    }
    if (number_at(count, "machines") > names.size()) {
        names.emplace_back("…");
    }
    return " (" + joined(names, ", ") + ")";
}

void print_in_common(const Json& overview) {
    const Json& lines = member_at(overview, "in_common");
    if (!lines.empty()) {
        print_line("");
        print_line("What the failed have in common");
    }
    for (const Json& line : lines) {
        print_line("  " + shown(member_at(line, "machines")) + " of " + shown(member_at(line, "of_failed")) +
                   " failed, " + shown(member_at(line, "others")) + " of " + shown(member_at(line, "of_others")) +
                   " others: " + string_at(line, "what") + " " + string_at(line, "value"));
    }
}

void print_errors(const Json& overview) {
    const Json& lines = member_at(overview, "errors");
    if (!lines.empty()) {
        print_line("");
        print_line("Errors");
    }
    for (const Json& line : lines) {
        print_line("  " + shown(member_at(line, "machines")) + " " + string_at(line, "code") + some_of(line));
    }
}

void print_revisions(const Json& overview) {
    const Json& lines = member_at(overview, "revisions");
    if (!lines.empty()) {
        print_line("");
        print_line("Revisions of the good ones");
    }
    for (const Json& line : lines) {
        print_line("  " + text_of(line, "role") + " asked for " + text_of(line, "asked") + " is at " +
                   text_of(line, "revision").substr(0, id_width) + " on " +
                   counted(number_at(line, "machines"), "machine") + some_of(line));
    }
}

}  // namespace

void print_overview(const Json& overview, bool lists_all) {
    print_line(counted(member_at(overview, "machines").size(), "machine") + ": " + counts_in_words(overview));
    print_machines(overview, lists_all);
    print_errors(overview);
    print_in_common(overview);
    print_revisions(overview);
}

}  // namespace bootwright
