#include "agent/commands/output.hpp"

#include "common/base/encoding.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iostream>
#include <system_error>
#include <utility>

namespace bootwright {

namespace {

int lost_because = 0;  ///< the error number of the first write that failed
Paper paper;

void print(std::string_view text) {
    errno = 0;
    std::cout << text << std::flush;
    if (!std::cout && lost_because == 0) {
        lost_because = errno;
    }
}

/// ECMA-48, "select graphic rendition": the sixteen colours, which follow what people have set for light and dark.
std::string_view sequence_of(Tone tone) {
    switch (tone) {
        case Tone::plain: break;
        case Tone::good: return "\033[32m";
        case Tone::bad: return "\033[1;31m";
        case Tone::doubtful: return "\033[33m";
        case Tone::quiet: return "\033[2m";
        case Tone::strong: return "\033[1m";
    }
    return "";
}

/// A character that is printed, in UTF-8. Takes one column: nothing is harmed by a wide one, but the row is longer.
struct Character {
    std::string bytes;
    Tone tone = Tone::plain;
};

std::vector<Character> characters_of(const Line& line) {
    std::vector<Character> characters;
    for (const Piece& piece : line.pieces) {
        for (const char byte : printable(piece.text)) {
            const bool is_first = (static_cast<unsigned char>(byte) & 0xC0U) != 0x80U;
            if (is_first) {
                characters.push_back({"", piece.tone});
            }
            characters.back().bytes += byte;
        }
    }
    return characters;
}

std::string row_of(const std::vector<Character>& characters, std::size_t begin, std::size_t end, bool has_colours) {
    std::string row;
    Tone tone = Tone::plain;
    const auto change_to = [&](Tone next) {
        if (has_colours && next != tone) {
            row += tone == Tone::plain ? "" : "\033[0m";
            row += sequence_of(next);
            tone = next;
        }
    };
    for (std::size_t i = begin; i < end; ++i) {
        change_to(characters[i].tone);
        row += characters[i].bytes;
    }
    change_to(Tone::plain);
    return row;
}

/// The end of the row that begins at `begin`: after its last whole word, or within a word that is wider than a row.
std::size_t end_of_row(const std::vector<Character>& characters, std::size_t begin, std::size_t width) {
    const std::size_t whole = characters.size();
    if (whole - begin <= width) {
        return whole;
    }
    for (std::size_t end = begin + width; end > begin + 1; --end) {
        if (characters[end].bytes == " ") {
            return end;
        }
    }
    return begin + width;
}

/// Writes down the size of a terminal: a usual one for a serial console, which does not know its own.
void measure(int descriptor, Paper& measured) {
    constexpr std::size_t usual_columns = 80;
    constexpr std::size_t usual_rows = 24;
    winsize size{};
    const bool is_known = ioctl(descriptor, TIOCGWINSZ, &size) == 0;
    measured.columns = is_known && size.ws_col > 0 ? size.ws_col : usual_columns;
    measured.rows = is_known && size.ws_row > 0 ? size.ws_row : usual_rows;
}

}  // namespace

void print_line(std::string_view line) { print(printable(line) + "\n"); }

void print_lines(std::string_view text) {
    for (const std::string& line : split(text, '\n')) {
        print_line(line);
    }
}

Paper paper_of(int descriptor, const std::map<std::string, std::string>& environment) {
    Paper found;
    if (isatty(descriptor) != 0) {
        const auto value = [&](const char* name) {
            const auto entry = environment.find(name);
            return entry == environment.end() ? "" : entry->second;
        };
        measure(descriptor, found);
        found.is_live = value("TERM") != "dumb" && !value("TERM").empty();
        found.has_colours = found.is_live && value("NO_COLOR").empty();
    }
    return found;
}

void print_on(const Paper& chosen) { paper = chosen; }

bool is_live_terminal() { return paper.is_live; }

std::vector<std::string> rows_of(const Line& line, const Paper& on) {
    const std::vector<Character> characters = characters_of(line);
    constexpr std::size_t narrowest = 20;
    const std::size_t indent = line.indent + narrowest <= on.columns ? line.indent : 0;
    std::vector<std::string> rows;
    std::size_t begin = 0;
    do {
        const std::size_t left = rows.empty() ? 0 : indent;
        const std::size_t end =
            on.columns == 0 || line.is_one_row ? characters.size() : end_of_row(characters, begin, on.columns - left);
        rows.push_back(std::string(left, ' ') + row_of(characters, begin, end, on.has_colours));
        begin = end;
        while (begin < characters.size() && characters[begin].bytes == " ") {
            ++begin;
        }
    } while (begin < characters.size());
    return rows;
}

void print_line(const Line& line) {
    for (const std::string& row : rows_of(line, paper)) {
        print(row + "\n");
    }
}

void LiveRows::show(const std::vector<Line>& lines) {
    Paper now = paper;
    measure(STDOUT_FILENO, now);  // its window may have another size by now
    std::vector<std::string> rows;
    for (const Line& line : lines) {
        for (std::string& row : rows_of(line, now)) {
            rows.push_back(std::move(row));
        }
    }
    rows.resize(std::min(rows.size(), now.rows - 1));
    // While it draws, no row may become two, as one of wide characters would: the cursor has to find back.
    std::string drawn = "\033[?7l";
    drawn += shown_ == 0 ? "" : "\033[" + std::to_string(shown_) + "A";
    for (const std::string& row : rows) {
        drawn += "\r\033[K" + row + "\n";
    }
    print(drawn + "\033[J\033[?7h");
    shown_ = rows.size();
}

void LiveRows::clear() {
    if (shown_ > 0) {
        print("\r\033[" + std::to_string(shown_) + "A\033[J");
        shown_ = 0;
    }
}

void print_json(const Json& document) { print(to_text(document)); }

std::string shown(const Json& value, std::string_view nothing) {
    return value.is_string() ? value.get<std::string>() : value.is_null() ? std::string(nothing) : to_line(value);
}

std::string cell(const std::string& text, std::size_t width) {
    return text + std::string(text.size() < width ? width - text.size() : 0, ' ') + "  ";
}

std::string minute(const Json& time) {
    std::string text = shown(time).substr(0, 16);
    std::replace(text.begin(), text.end(), 'T', ' ');
    return text;
}

std::chrono::milliseconds duration_of(const Json& seconds) {
    constexpr double longest_ms = 1e15;
    const double ms = seconds.is_number() ? seconds.get<double>() * 1000 : 0;
    return std::chrono::milliseconds(static_cast<long long>(std::clamp(ms, 0.0, longest_ms)));
}

bool has_reader() {
    pollfd polled{STDOUT_FILENO, 0, 0};
    return poll(&polled, 1, 0) <= 0 || (polled.revents & (POLLERR | POLLNVAL)) == 0;
}

void check_output() {
    print("");
    if (!std::cout) {
        const std::string why = lost_because == 0 ? "" : ": " + std::system_category().message(lost_because);
        throw permanent_error("output.lost",
                              "what this command prints could not be written to its standard output" + why,
                              "what it does besides is done, and stays; give its output a reader, or a file on a disk "
                              "with free space (`df -h`)");
    }
}

LiveLine::LiveLine(std::ostream& stream, int descriptor) : stream_(stream), is_terminal_(isatty(descriptor) != 0) {}

void LiveLine::show(const std::string& line) {
    if (is_terminal_ && line != shown_) {
        stream_ << "\r\033[K" << printable(line) << std::flush;
        shown_ = line;
    }
}

void LiveLine::clear() {
    if (is_terminal_) {
        stream_ << "\r\033[K" << std::flush;
    }
}

}  // namespace bootwright
