#include "agent/commands/output.hpp"

#include "common/base/encoding.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iostream>
#include <system_error>

namespace bootwright {

namespace {

int lost_because = 0;  ///< the error number of the first write that failed

void print(std::string_view text) {
    errno = 0;
    std::cout << text << std::flush;
    if (!std::cout && lost_because == 0) {
        lost_because = errno;
    }
}

}  // namespace

void print_line(std::string_view line) { print(printable(line) + "\n"); }

void print_lines(std::string_view text) {
    for (const std::string& line : split(text, '\n')) {
        print_line(line);
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
