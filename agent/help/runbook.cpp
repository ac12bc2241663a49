#include "agent/help/runbook.hpp"

#include "agent/help/markdown.hpp"
#include "agent/help/runbook_text.hpp"
#include "common/base/text.hpp"

namespace bootwright {

namespace {

std::vector<std::string> codes_in(std::string_view heading) {
    std::vector<std::string> codes;
    for (const Span& span : spans_of(heading)) {
        if (span.kind == Span::Kind::code) {
            codes.push_back(span.text);
        }
    }
    return codes;
}

/// "*Permanent.* What it means."
void read_meaning(RunbookEntry& entry, std::string_view line) {
    const std::size_t end = line.find(".* ");
    if (end != std::string_view::npos) {
        entry.kind = lower(line.substr(1, 1)) + std::string(line.substr(2, end - 2));
        entry.meaning = line.substr(end + 3);
    }
}

/// "- **Check:** what to look at."
void read_step(RunbookEntry& entry, std::string_view line) {
    constexpr std::string_view begin = "- **";
    const std::size_t end = line.find(":** ");
    if (end != std::string_view::npos) {
        entry.steps.push_back(
            {std::string(line.substr(begin.size(), end - begin.size())), std::string(line.substr(end + 4))});
    }
}

}  // namespace

std::vector<RunbookEntry> runbook_of(std::string_view document) {
    std::vector<RunbookEntry> entries;
    bool is_within = false;
    for (const std::string& line : split(document, '\n')) {
        if (line.starts_with('#')) {
            is_within = line.starts_with("#### ");
            if (is_within) {
                entries.push_back({.codes = codes_in(line)});
            }
        } else if (is_within && line.starts_with('*')) {
            read_meaning(entries.back(), line);
        } else if (is_within && line.starts_with("- **")) {
            read_step(entries.back(), line);
        }
    }
    return entries;
}

std::vector<RunbookEntry> runbook() { return runbook_of(runbook_text); }

}  // namespace bootwright
