#include "agent/platform/context_variables.hpp"

#include "common/base/error.hpp"
#include "common/base/text.hpp"

#include <algorithm>
#include <cstddef>

namespace bootwright {

namespace {

/// A quote within a quoted value: the quote ends, an escaped one stands alone, and the next begins.
constexpr std::string_view written_quote = R"('\'')";

class Reader {
public:
    explicit Reader(std::string_view text) : text_(text) {}

    [[nodiscard]] bool is_at_end() const { return at_ >= text_.size(); }

    /// Skips an empty line or a comment. Returns false if the line is neither.
    bool skip_line_of_nothing() {
        const std::string_view line = text_.substr(at_, text_.find('\n', at_) - at_);
        const bool is_nothing = trimmed(line).empty() || line.starts_with('#');
        at_ += is_nothing ? line.size() : 0;
        return is_nothing && end_line();
    }

    std::string read_name() {
        const std::size_t equals = std::min(text_.find('=', at_), text_.size());
        const std::string name(text_.substr(at_, equals - at_));
        constexpr std::size_t longest_name = 200;
        if (equals == text_.size() || !is_made_of(name, "_-.:", longest_name)) {
            throw refused("is no assignment");
        }
        at_ = equals + 1;
        return name;
    }

    std::string read_value() {
        const char first = is_at_end() ? '\n' : text_[at_];
        std::string value = first == '\'' ? read_quoted() : first == '"' ? read_double_quoted() : read_word();
        if (!end_line()) {
            throw refused("goes on after its value");
        }
        return value;
    }

private:
    [[nodiscard]] Error refused(const std::string& why) const {
        const auto lines = std::count(text_.begin(), text_.begin() + static_cast<std::ptrdiff_t>(at_), '\n');
        return transient_error("platform.bad_document", "line " + std::to_string(lines + 1) + " of context.sh " + why,
                               "nothing to do if it passes: the volume may be being written; else correct the CONTEXT "
                               "of the virtual machine's template");
    }

    bool end_line() {
        const bool is_end = is_at_end() || text_[at_] == '\n';
        at_ += is_end ? 1 : 0;
        return is_end;
    }

    /// The text up to `quote`; leaves the place behind it.
    std::string read_until(char quote) {
        const std::size_t end = text_.find(quote, at_);
        if (end == std::string_view::npos) {
            throw refused("begins a quoted value that never ends");
        }
        std::string part(text_.substr(at_, end - at_));
        at_ = end + 1;
        return part;
    }

    std::string read_quoted() {
        ++at_;
        std::string value = read_until('\'');
        while (text_.substr(at_ - 1).starts_with(written_quote)) {
            at_ += written_quote.size() - 1;
            value += '\'' + read_until('\'');
        }
        return value;
    }

    std::string read_double_quoted() {
        constexpr std::string_view signs = "\\\"$`";
        std::string value;
        for (++at_;;) {
            const std::size_t sign = text_.find_first_of(signs, at_);
            if (sign == std::string_view::npos) {
                throw refused("begins a quoted value that never ends");
            }
            value += text_.substr(at_, sign - at_);
            at_ = sign + 1;
            if (text_[sign] == '"') {
                return value;
            }
            if (text_[sign] != '\\' || is_at_end() || signs.find(text_[at_]) == std::string_view::npos) {
                throw refused("has a value that only a shell could read");
            }
            value += text_[at_++];
        }
    }

    std::string read_word() {
        constexpr std::string_view others = "_-./:@%+,=";
        const std::size_t start = at_;
        while (!is_at_end() && (is_alphanumeric(text_[at_]) || others.find(text_[at_]) != std::string_view::npos)) {
            ++at_;
        }
        return std::string(text_.substr(start, at_ - start));
    }

    std::string_view text_;
    std::size_t at_ = 0;
};

}  // namespace

std::map<std::string, std::string> parse_context_variables(std::string_view text) {
    std::map<std::string, std::string> variables;
    for (Reader reader(text); !reader.is_at_end();) {
        if (!reader.skip_line_of_nothing()) {
            const std::string name = reader.read_name();
            variables[name] = reader.read_value();
        }
    }
    return variables;
}

std::string context_text(const std::map<std::string, std::string>& variables) {
    std::string text;
    for (const auto& [name, value] : variables) {
        text += name + "='" + joined(split(value, '\''), written_quote) + "'\n";
    }
    return text;
}

}  // namespace bootwright
