#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace bootwright {

// Markdown as the documents of docs/ use it, and no more of it.

/// A part of a line.
struct Span {
    enum class Kind { text, code, strong, emphasis } kind;
    std::string text;
};

/// The parts of a line. A link becomes its text.
std::vector<Span> spans_of(std::string_view line);

/// The line for a terminal: code keeps its back quotes, since a command without them is lost in a sentence.
std::string plain(std::string_view line);

/// The words of `text` in lines of at most `width` characters, which are ASCII. A word that is longer has a line of its own.
std::vector<std::string> wrapped(std::string_view text, std::size_t width);

}  // namespace bootwright
