#pragma once

#include "common/documents/json.hpp"

#include <chrono>
#include <cstddef>
#include <ostream>
#include <string>
#include <string_view>

namespace bootwright {

// Standard output, for all commands. Lost output stops no command: check_output() reports it at the end.

/// Prints `line` as one line: what could move a terminal's cursor, or forge a line, becomes "?".
void print_line(std::string_view line);

/// Each line of `text` as print_line() prints it.
void print_lines(std::string_view text);

/// Prints the document as to_text() writes it, which escapes such characters.
void print_json(const Json& document);

/// A value of a document, in a line for people: text as it is, anything else as JSON. @param nothing stands for null
std::string shown(const Json& value, std::string_view nothing = "-");

/// A column of a table: `text`, padded to `width` bytes, and the gap to the next one.
std::string cell(const std::string& text, std::size_t width);

/// A time of a document, to the minute: "2026-03-03 12:00".
std::string minute(const Json& time);

/// A number of seconds of a document, clamped, since what is read may be anything. Zero for what is no number.
std::chrono::milliseconds duration_of(const Json& seconds);

/// @throws Error output.lost (permanent) if something that was printed has not been written
void check_output();

/// One line of a terminal that is overwritten again and again.
class LiveLine {
public:
    /// @param descriptor of `stream`; if it is no terminal, nothing is ever shown
    LiveLine(std::ostream& stream, int descriptor);

    [[nodiscard]] bool is_terminal() const { return is_terminal_; }
    void show(const std::string& line);
    void clear();

private:
    std::ostream& stream_;
    bool is_terminal_;
    std::string shown_{};
};

}  // namespace bootwright
