#pragma once

#include <string>
#include <string_view>

namespace bootwright {

// Manual pages: roff with the macros of man(7).

/// Text, no macro, whatever it begins with. @param is_code its hyphens and quotes are those that are typed
std::string roff_text(std::string_view text, bool is_code = false);

/// A line of Markdown: code is bold, what is emphasised is underlined.
std::string roff_line(std::string_view markdown);

/// A document of docs/ without its title: headings, paragraphs, lists, tables (the first cell of a row is its tag), examples.
std::string roff_of(std::string_view document);

}  // namespace bootwright
