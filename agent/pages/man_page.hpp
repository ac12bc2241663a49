#pragma once

#include "agent/commands/command.hpp"

#include <string>
#include <string_view>

namespace bootwright {

/// What all pages have: where each is from.
struct PageSource {
    std::string date{};      ///< "2026-11-22"
    std::string commands{};  ///< docs/commands.md: what it says of a command, and the exit statuses
};

/// A page of section 1. Returns roff.
std::string overview_page(const PageSource& source);
std::string command_page(const PageSource& source, const Command& command);

/// A document of docs/ as a page.
struct DocumentPage {
    std::string_view document;  ///< "status.md"
    std::string_view name;      ///< "bootwright-status.json"
    char section;               ///< '5': a file; '7': an overview
    std::string_view summary;   ///< the end of "NAME - …"
};
std::string document_page(const PageSource& source, const DocumentPage& page, std::string_view document);

/// "bootwright-snapshot-make"
std::string page_name(const Command& command);

}  // namespace bootwright
