#include "agent/repository/modules/puppetfile_syntax.hpp"

#include "common/base/error.hpp"
#include "common/base/text.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

namespace bootwright {

namespace {

constexpr std::size_t longest_quoted = 100;

}  // namespace

std::optional<std::string> module_folder_of(const std::string& name) {
    std::string normal = name;
    std::replace(normal.begin(), normal.end(), '-', '/');
    const std::vector<std::string> parts = split(normal, '/');
    constexpr std::string_view allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
    const bool is_valid = std::all_of(parts.begin(), parts.end(), [&](const std::string& part) {
        return !part.empty() && part.find_first_not_of(allowed) == std::string::npos;
    });
    return is_valid ? std::optional(parts.back()) : std::nullopt;
}

void refuse_puppetfile(int line, const std::string& module, const std::string& why, const std::string& advice) {
    const std::string where = module_folder_of(module) ? ", module " + shortened(module, longest_quoted) : "";
    throw permanent_error("repository.puppetfile", "Puppetfile, line " + std::to_string(line) + where + ": " + why,
                          advice);
}

namespace {

/// Reads the statements of a Puppetfile, a small part of Ruby's grammar, and refuses the rest.
class StatementReader {
public:
    explicit StatementReader(std::string_view text) : text_(text) {
        if (text_.starts_with("\xEF\xBB\xBF")) {
            at_ = 3;
        }
    }

    /// Reads the next statement. Returns nullopt at the end.
    std::optional<PuppetfileStatement> next() {
        skip(Newlines::skipped);
        while (peek() == ';') {
            take();
            skip(Newlines::skipped);
        }
        if (at_end()) {
            return std::nullopt;
        }
        statement_ = {.line = line_, .what = read_word()};
        if (statement_.what != "mod" && statement_.what != "forge" && statement_.what != "moduledir") {
            fail(statement_.what.empty() ? "expected forge, moduledir or mod; other Ruby is not read here"
                                         : "\"" + shortened(statement_.what, longest_quoted) +
                                               "\" is Ruby that is not read here: only forge, moduledir and mod are");
        }
        read_arguments();
        if (statement_.values.empty() || statement_.values.front().kind != PuppetfileValue::Kind::string) {
            fail("expected a string after " + statement_.what);
        }
        return std::move(statement_);
    }

private:
    enum class Newlines { kept, skipped };

    [[nodiscard]] bool at_end() const { return at_ == text_.size(); }
    [[nodiscard]] char peek() const { return at_end() ? '\n' : text_[at_]; }
    [[nodiscard]] bool starts_with(std::string_view what) const { return text_.substr(at_).starts_with(what); }
    char take() {
        const char c = peek();
        at_ += at_end() ? 0U : 1U;
        line_ += c == '\n' ? 1 : 0;
        return c;
    }
    [[noreturn]] void fail(const std::string& why) const { refuse_puppetfile(line_, statement_.name(), why); }

    /// White space, comments and escaped line ends.
    void skip(Newlines newlines) {
        while (!at_end()) {
            const char c = peek();
            if (c == '#') {
                while (peek() != '\n') {
                    take();
                }
            } else if (starts_with("\\\n") || starts_with("\\\r\n")) {
                take();
                skip_line_end();
            } else if (c == ' ' || c == '\t' || starts_with("\r\n") || (c == '\n' && newlines == Newlines::skipped)) {
                take();
            } else {
                return;
            }
        }
    }
    void skip_line_end() {
        while (take() != '\n') {
        }
    }

    std::string read_word() {
        const auto is_part = [](char c) { return is_alphanumeric(c) || c == '_'; };
        std::string word;
        while (is_part(peek())) {
            word += take();
        }
        return word;
    }

    void read_arguments() {
        skip(Newlines::kept);
        const bool in_brackets = peek() == '(';
        if (in_brackets) {
            take();
        }
        const Newlines between = in_brackets ? Newlines::skipped : Newlines::kept;
        skip(between);
        read_argument();
        for (skip(between); peek() == ','; skip(between)) {
            take();
            skip(Newlines::skipped);
            if (in_brackets && peek() == ')') {
                break;
            }
            read_argument();
        }
        if (in_brackets && peek() != ')') {
            fail("the bracket after " + statement_.what + " is not closed by \")\"");
        }
        at_ += in_brackets ? 1U : 0U;
        skip(Newlines::kept);
        if (peek() == '"' || peek() == '\'') {
            fail("there is no comma before a string");
        }
        if (peek() != '\n' && peek() != ';') {
            fail("what follows " + statement_.what + "'s arguments is Ruby that is not read here, or lacks a comma");
        }
    }

    void read_argument() {
        if (peek() == '"' || peek() == '\'') {
            PuppetfileValue value = read_value();
            skip(Newlines::kept);
            if (peek() == ':' || starts_with("=>")) {
                fail("an option's name is a symbol, such as :git, not a string");
            }
            statement_.values.push_back(std::move(value));
            return;
        }
        const bool is_symbol = peek() == ':';
        if (is_symbol) {
            take();
        }
        const std::string word = read_word();
        if (!is_symbol && starts_with(":") && !starts_with("::")) {
            take();
            read_option(word);
            return;
        }
        if (is_symbol) {
            skip(Newlines::kept);
        }
        if (is_symbol && starts_with("=>")) {
            at_ += 2;
            read_option(word);
            return;
        }
        statement_.values.push_back(checked(is_symbol, word));
    }

    void read_option(const std::string& name) {
        skip(Newlines::skipped);
        PuppetfileValue value = read_value();
        if (name.empty() || !statement_.options.emplace(name, std::move(value)).second) {
            fail(name.empty() ? "an option has no name" : "the option " + name + " is given twice");
        }
    }

    PuppetfileValue read_value() {
        if (peek() == '\'') {
            return {PuppetfileValue::Kind::string, read_single_quoted()};
        }
        if (peek() == '"') {
            return {PuppetfileValue::Kind::string, read_double_quoted()};
        }
        const bool is_symbol = peek() == ':';
        if (is_symbol) {
            take();
        }
        return checked(is_symbol, read_word());
    }

    [[nodiscard]] PuppetfileValue checked(bool is_symbol, const std::string& word) const {
        if (is_symbol && !word.empty()) {
            return {PuppetfileValue::Kind::symbol, word};
        }
        if (word == "true" || word == "false" || word == "nil") {
            return {PuppetfileValue::Kind::word, word};
        }
        if (word == "mod") {
            fail("a comma is followed by the next mod");
        }
        fail("expected a string in quotes, a symbol, true or false; other Ruby is not read here");
    }

    std::string read_single_quoted() {
        take();
        std::string value;
        while (peek() != '\'') {
            if (starts_with("\\\\") || starts_with("\\'")) {
                take();
            }
            append(value);
        }
        take();
        return value;
    }
    std::string read_double_quoted() {
        take();
        std::string value;
        while (peek() != '"') {
            if (starts_with("#{") || starts_with("#@") || starts_with("#$")) {
                fail("a string holds \"#\" with Ruby in it, which is not read here");
            }
            if (peek() == '\\') {
                take();
                if (peek() != '"' && peek() != '\\') {
                    fail("a string holds an escape that is not read here");
                }
            }
            append(value);
        }
        take();
        return value;
    }
    void append(std::string& value) {
        if (peek() == '\n') {
            fail("a string does not end on its line");
        }
        value += take();
    }

    std::string_view text_;
    std::size_t at_ = 0;
    int line_ = 1;
    PuppetfileStatement statement_{};
};

}  // namespace

void read_puppetfile_statements(std::string_view text, const std::function<void(const PuppetfileStatement&)>& take) {
    StatementReader reader(text);
    while (const auto statement = reader.next()) {
        take(*statement);
    }
}

}  // namespace bootwright
