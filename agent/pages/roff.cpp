#include "agent/pages/roff.hpp"

#include "agent/help/markdown.hpp"
#include "common/base/encoding.hpp"
#include "common/base/text.hpp"

#include <vector>

namespace bootwright {

namespace {

std::string escaped(std::string_view text, bool is_code) {
    std::string result;
    for (const char c : text) {
        switch (c) {
            case '\\': result += "\\e"; break;
            case '`': result += "\\(ga"; break;
            case '^': result += "\\(ha"; break;
            case '~': result += "\\(ti"; break;
            case '\'': result += "\\(aq"; break;
            case '-': result += is_code ? "\\-" : "-"; break;
            default: result += c;
        }
    }
    return result;
}

/// The cells of "| one | two |".
std::vector<std::string> cells_of(std::string_view row) {
    std::vector<std::string> cells{""};
    for (std::size_t i = 1; i < row.size(); ++i) {
        if (row[i] == '\\' && i + 1 < row.size() && row[i + 1] == '|') {
            cells.back() += row[++i];
        } else if (row[i] == '|') {
            cells.emplace_back();
        } else {
            cells.back() += row[i];
        }
    }
    if (trimmed(cells.back()).empty()) {
        cells.pop_back();
    }
    for (std::string& cell : cells) {
        cell = trimmed(cell);
    }
    return cells;
}

/// Writes a document line by line.
class Writer {
public:
    void add(const std::string& line) {
        if (is_fenced_ || line.starts_with("```")) {
            fence(line);
        } else if (line.starts_with("    ") && !is_list_) {
            example(line.substr(4));
        } else {
            end_example();
            add_text(line);
        }
    }

    std::string end() {
        end_example();
        return text_;
    }

private:
    void add_text(const std::string& line) {
        const bool is_row = line.starts_with('|');
        if (!is_row) {
            header_.clear();
        }
        if (trimmed(line).empty()) {
            is_paragraph_ = is_list_ = false;
        } else if (line.starts_with('#')) {
            heading(line);
        } else if (is_row) {
            row(line);
        } else if (line.starts_with("- ")) {
            macro(".IP \\(bu 2");
            is_after_heading_ = false;
            text_ += roff_line(line.substr(2)) + "\n";
            is_list_ = true;
        } else {
            if (!is_paragraph_ && !is_list_) {
                paragraph();
            }
            is_paragraph_ = true;
            text_ += roff_line(trimmed(line)) + "\n";
        }
    }

    void heading(const std::string& line) {
        const std::size_t level = line.find(' ');
        if (level == 1) {
            return;  // the title, which the page has already
        }
        const std::string title = roff_line(line.substr(level + 1));
        if (level <= 3) {
            macro((level == 2 ? ".SH \"" : ".SS \"") + title + "\"");
            is_after_heading_ = true;
        } else {
            tag(title);
        }
        is_paragraph_ = level > 3;  // what follows belongs to the tag
        is_list_ = false;
    }

    void row(const std::string& line) {
        const std::vector<std::string> cells = cells_of(line);
        if (header_.empty()) {
            header_ = cells;
            return;
        }
        if (cells.empty() || cells.front().starts_with("-")) {
            return;  // the line below the header
        }
        tag(cells.front().empty() ? "\\&" : roff_line(cells.front()));
        std::string body;
        for (std::size_t i = 1; i < cells.size(); ++i) {
            const bool is_named =
                cells.size() > 2 && i < header_.size() && !header_[i].empty() && header_[i] != "meaning";
            if (!cells[i].empty()) {
                body += (body.empty() ? "" : "; ") + (is_named ? header_[i] + ": " : "") + cells[i];
            }
        }
        text_ += (body.empty() ? std::string("\\&") : roff_line(body)) + "\n";
        is_paragraph_ = is_list_ = false;
    }

    void tag(const std::string& text) {
        macro(".TP 7");  // not as wide as a list before it
        text_ += text + "\n";
        is_after_heading_ = false;
    }

    void fence(const std::string& line) {
        if (!line.starts_with("```")) {
            example(line);
            return;
        }
        is_fenced_ = !is_fenced_;
        end_example();
    }

    void example(const std::string& line) {
        if (!is_example_) {
            paragraph();
            macro(".RS 4");
            macro(".nf");
        }
        is_example_ = true;
        text_ += roff_text(line, true) + "\n";
    }

    void end_example() {
        if (is_example_) {
            macro(".fi");
            macro(".RE");
        }
        is_example_ = false;
    }

    void paragraph() {
        if (!is_after_heading_) {
            macro(".PP");
        }
        is_after_heading_ = false;
    }

    void macro(std::string_view name) { text_ += std::string(name) + "\n"; }

    std::string text_{};
    std::vector<std::string> header_{};  ///< of the table that is read
    bool is_after_heading_ = true;
    bool is_paragraph_ = false;
    bool is_list_ = false;
    bool is_fenced_ = false;
    bool is_example_ = false;
};

}  // namespace

std::string roff_text(std::string_view text, bool is_code) {
    const bool is_macro = text.starts_with('.') || text.starts_with('\'');
    return (is_macro ? "\\&" : "") + escaped(text, is_code);
}

std::string roff_line(std::string_view markdown) {
    std::string line;
    for (const Span& span : spans_of(markdown)) {
        switch (span.kind) {
            case Span::Kind::text: line += escaped(span.text, false); break;
            case Span::Kind::emphasis: line += "\\fI" + escaped(span.text, false) + "\\fR"; break;
            case Span::Kind::strong: line += "\\fB" + escaped(span.text, false) + "\\fR"; break;
            case Span::Kind::code: line += "\\fB" + escaped(span.text, true) + "\\fR"; break;
        }
    }
    return line.starts_with('.') ? "\\&" + line : line;
}

std::string roff_of(std::string_view document) {
    Writer writer;
    for (const std::string& line : split(document, '\n')) {
        writer.add(line);
    }
    return writer.end();
}

}  // namespace bootwright
