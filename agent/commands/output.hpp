#pragma once

#include "common/documents/json.hpp"

#include <chrono>
#include <cstddef>
#include <map>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace bootwright {

// Standard output, for all commands. Lost output stops no command: check_output() reports it at the end.

/// Prints `line` as one line: what could move a terminal's cursor, or forge a line, becomes "?".
void print_line(std::string_view line);

/// Each line of `text` as print_line() prints it.
void print_lines(std::string_view text);

/// What a piece of a line says: its colour, where there are colours. The words say the same without it.
enum class Tone { plain, good, bad, doubtful, quiet, strong };

struct Piece {
    std::string text;
    Tone tone = Tone::plain;
};

/// A line for people.
struct Line {
    std::vector<Piece> pieces;
    std::size_t indent = 0;   ///< columns that its further rows leave free, if it is folded
    bool is_one_row = false;  ///< it is never folded
};

/// What is printed on.
struct Paper {
    std::size_t columns = 0;  ///< of a terminal; 0: no line is folded
    std::size_t rows = 0;
    bool is_live = false;  ///< a terminal on which the cursor can be moved
    bool has_colours = false;
};

/// A terminal (TERM=dumb is none whose cursor moves) has colours unless NO_COLOR forbids it (https://no-color.org).
Paper paper_of(int descriptor, const std::map<std::string, std::string>& environment);

/// Decides how each Line is printed from now on. Until then nothing is folded or coloured.
void print_on(const Paper& paper);
/// Whether that is a terminal whose cursor can be moved.
bool is_live_terminal();

/// The rows of the line on that paper, each made safe as print_line() does it, with the escape sequences of its colours.
std::vector<std::string> rows_of(const Line& line, const Paper& paper);

void print_line(const Line& line);

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

/// False once nobody can read standard output any more: the other end of a pipe is closed.
bool has_reader();

/// @throws Error output.lost (permanent) if something that was printed has not been written
void check_output();

/// The last rows of a live terminal, which are drawn anew again and again.
class LiveRows {
public:
    /// Draws as many rows of the lines as the terminal has room for.
    void show(const std::vector<Line>& lines);
    void clear();

private:
    std::size_t shown_ = 0;
};

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
