#pragma once

#include "common/documents/json.hpp"

#include <ostream>
#include <string>
#include <string_view>

namespace bootwright {

// Standard output, as all commands print to it. Output that is lost stops no command: check_output() tells of it at the
// end.

/// One line, whatever stands in `line`: what could move a terminal's cursor, or forge a line, becomes "?".
void print_line(std::string_view line);

/// The document as to_text() has it, which escapes such characters.
void print_json(const Json& document);

/// @throws Error output.lost (permanent) where something that was printed has not been written
void check_output();

/// One line of a terminal that is written over itself.
class LiveLine {
public:
    /// @param descriptor of `stream`; where it is no terminal, nothing is ever shown
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
