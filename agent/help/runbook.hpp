#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace bootwright {

/// What docs/operations.md says of an error, or of several that call for the same. Texts are Markdown, in one line each.
struct RunbookEntry {
    struct Step {
        std::string label;  ///< "Check", "Do"
        std::string text;
    };
    std::vector<std::string> codes{};
    std::string kind{};  ///< "permanent"; or "transient; permanent if …"
    std::string meaning{};
    std::vector<Step> steps{};
};

/// All entries, in the order of the document, which is a part of the program.
std::vector<RunbookEntry> runbook();

/// The entries of such a document.
std::vector<RunbookEntry> runbook_of(std::string_view document);

}  // namespace bootwright
