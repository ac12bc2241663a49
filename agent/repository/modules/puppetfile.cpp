#include "agent/repository/modules/puppetfile.hpp"

#include "agent/repository/modules/source_policy.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

namespace bootwright {

namespace {

constexpr std::size_t largest = std::size_t{1} << 20U;
constexpr std::size_t most_modules = 1000;
constexpr std::size_t longest_quoted = 100;

/// What follows the last "/" or "-" of 'author/name'. Nothing for what is no module's name.
std::optional<std::string> folder_of(const std::string& name) {
    std::string normal = name;
    std::replace(normal.begin(), normal.end(), '-', '/');
    const std::vector<std::string> parts = split(normal, '/');
    constexpr std::string_view allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
    const bool is_valid = std::all_of(parts.begin(), parts.end(), [&](const std::string& part) {
        return !part.empty() && part.find_first_not_of(allowed) == std::string::npos;
    });
    return is_valid ? std::optional(parts.back()) : std::nullopt;
}

/// What is no module's name is not shown: it may be a URL in the wrong place.
[[noreturn]] void refuse(int line, const std::string& module, const std::string& why) {
    const std::string where = folder_of(module) ? ", module " + shortened(module, longest_quoted) : "";
    throw permanent_error("repository.puppetfile", "Puppetfile, line " + std::to_string(line) + where + ": " + why,
                          "vendor the module: put its files into the control repository itself. Or name it by :git and "
                          "a full commit id (:commit). Or, where r10k is installed, set repository.puppetfile to "
                          "\"r10k\" in agent.json");
}

struct Value {
    enum class Kind { string, symbol, word };  ///< a word: true, false or nil
    Kind kind;
    std::string text;
};

/// `forge`, `moduledir` or `mod`, with its arguments.
struct Statement {
    int line = 0;
    std::string what;
    std::vector<Value> values{};             ///< 'name', '1.2.3'
    std::map<std::string, Value> options{};  ///< :git => 'https://…', or git: 'https://…'

    [[nodiscard]] std::string name() const { return values.empty() ? "" : values.front().text; }
    [[nodiscard]] bool has(const std::string& option) const { return options.contains(option); }
};

/// Reads the statements of a Puppetfile, a small part of Ruby's grammar, and refuses the rest.
class StatementReader {
public:
    explicit StatementReader(std::string_view text) : text_(text) {
        if (text_.starts_with("\xEF\xBB\xBF")) {
            at_ = 3;
        }
    }

    /// The next statement, or nothing at the end.
    std::optional<Statement> next() {
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
        if (statement_.values.empty() || statement_.values.front().kind != Value::Kind::string) {
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
    [[noreturn]] void fail(const std::string& why) const { refuse(line_, statement_.name(), why); }

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
            Value value = read_value();
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
        Value value = read_value();
        if (name.empty() || !statement_.options.emplace(name, std::move(value)).second) {
            fail(name.empty() ? "an option has no name" : "the option " + name + " is given twice");
        }
    }

    Value read_value() {
        if (peek() == '\'') {
            return {Value::Kind::string, read_single_quoted()};
        }
        if (peek() == '"') {
            return {Value::Kind::string, read_double_quoted()};
        }
        const bool is_symbol = peek() == ':';
        if (is_symbol) {
            take();
        }
        return checked(is_symbol, read_word());
    }

    [[nodiscard]] Value checked(bool is_symbol, const std::string& word) const {
        if (is_symbol && !word.empty()) {
            return {Value::Kind::symbol, word};
        }
        if (word == "true" || word == "false" || word == "nil") {
            return {Value::Kind::word, word};
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
    Statement statement_{};
};

/// `folder` without "." and doubled slashes, and with `name` in it. What is absolute stays so.
std::string path_in(const std::string& folder, const std::string& name) {
    if (folder.starts_with('/')) {
        return folder + "/" + name;
    }
    std::string path;
    for (const std::string& component : split(folder, '/')) {
        if (!component.empty() && component != ".") {
            path += component + "/";
        }
    }
    return path + name;
}

class Interpreter {
public:
    explicit Interpreter(const std::function<bool(const std::string&)>& is_vendored) : is_vendored_(is_vendored) {}

    void add(const Statement& statement) {
        if (statement.what == "mod") {
            add_module(statement);
        } else if (statement.values.size() != 1 || !statement.options.empty()) {
            refuse(statement.line, "", statement.what + " takes one string and nothing else");
        } else if (statement.what == "moduledir") {
            module_folder_ = statement.values.front().text;
        }  // forge: nothing is fetched from there
    }

    /// The modules to fetch. @throws Error repository.puppetfile where one lies inside another
    std::vector<PuppetfileModule> modules() && {
        std::set<std::string> fetched;
        for (const PuppetfileModule& module : modules_) {
            fetched.insert(module.path);
        }
        for (const PuppetfileModule& module : modules_) {
            for (std::size_t slash = module.path.find('/'); slash != std::string::npos;
                 slash = module.path.find('/', slash + 1)) {
                if (fetched.contains(module.path.substr(0, slash))) {
                    refuse(module.line, module.name, "its folder lies inside another module's folder");
                }
            }
        }
        return std::move(modules_);
    }

private:
    void add_module(const Statement& mod) {
        if (paths_.size() == most_modules) {
            refuse(mod.line, mod.name(), "there are more than 1000 modules");
        }
        const auto name = folder_of(mod.name());
        if (!name) {
            refuse(mod.line, "", "what follows mod is no module's name, such as 'author/name'");
        }
        const std::string path = path_in(install_folder(mod), *name);
        if (const auto why = why_path_is_refused(path)) {
            refuse(mod.line, mod.name(), *why);
        }
        if (!paths_.insert(path).second) {
            refuse(mod.line, mod.name(), "a module at the same path is declared above");
        }
        if (!is_local(mod) && !is_vendored_(path)) {
            modules_.push_back({*name, url_of(mod), revision_of(mod), path, mod.line});
        }
    }

    [[nodiscard]] std::string install_folder(const Statement& mod) const {
        return mod.has("install_path") ? string_of(mod, "install_path") : module_folder_;
    }

    static bool is_local(const Statement& mod) {
        const auto local = mod.options.find("local");
        return local != mod.options.end() && local->second.kind == Value::Kind::word && local->second.text == "true";
    }

    static std::string string_of(const Statement& mod, const std::string& option) {
        const Value& value = mod.options.at(option);
        if (value.kind != Value::Kind::string) {
            refuse(mod.line, mod.name(), "the option " + option + " is no string");
        }
        return value.text;
    }

    static Url url_of(const Statement& mod) {
        const auto type = mod.options.find("type");
        const bool is_other_type = type != mod.options.end() && type->second.text != "git";
        if (mod.has("svn") || (is_other_type && type->second.text == "svn")) {
            refuse(mod.line, mod.name(), "it comes from Subversion, and is not vendored");
        }
        if (!mod.has("git") && !(mod.has("type") && !is_other_type)) {
            check_options(mod, {"type", "version", "source", "install_path", "local"});
            refuse(mod.line, mod.name(),
                   is_other_type && type->second.text != "forge"
                       ? "its type is neither git nor forge, and it is not vendored"
                       : "it comes from the Forge, and is not vendored");
        }
        if (is_other_type || (mod.has("git") && mod.has("source"))) {
            refuse(mod.line, mod.name(), "it names two origins");
        }
        if (!mod.has("git") && !mod.has("source")) {
            refuse(mod.line, mod.name(), "its type is git, but it has no source");
        }
        check_options(mod, {"git", "type", "source", "version", "commit", "ref", "tag", "branch", "default_branch",
                            "install_path", "local", "exclude_spec"});
        const std::string url = as_git_url(string_of(mod, mod.has("git") ? "git" : "source"));
        if (const auto why = why_url_is_refused(url)) {
            refuse(mod.line, mod.name(), *why);
        }
        return url;
    }

    /// Refuses an option that might change what is fetched in a way that is not known here.
    static void check_options(const Statement& mod, const std::vector<std::string>& known) {
        for (const auto& [option, value] : mod.options) {
            if (std::find(known.begin(), known.end(), option) == known.end()) {
                refuse(
                    mod.line, mod.name(),
                    "the option " + shortened(option, longest_quoted) + " is not known here, and it is not vendored");
            }
        }
    }

    static std::string revision_of(const Statement& mod) {
        constexpr std::array<const char*, 5> all{"commit", "ref", "version", "tag", "branch"};
        std::string given;
        for (const char* option : all) {
            if (mod.has(option) && !given.empty()) {
                refuse(mod.line, mod.name(), "it names two revisions: " + given + " and " + option);
            }
            given = mod.has(option) ? option : given;
        }
        if (given.empty()) {
            refuse(mod.line, mod.name(), "it comes from git, but without a commit");
        }
        if (given == "tag" || given == "branch") {
            refuse(mod.line, mod.name(), "it is pinned by a " + given + ", which may move");
        }
        std::string revision = lower(string_of(mod, given));
        if (!is_commit_id(revision)) {
            refuse(mod.line, mod.name(), "its " + given + " is no full commit id of 40 hexadecimal digits");
        }
        return revision;
    }

    const std::function<bool(const std::string&)>& is_vendored_;
    std::string module_folder_ = "modules";
    std::vector<PuppetfileModule> modules_;
    std::set<std::string> paths_;
};

}  // namespace

std::vector<PuppetfileModule> read_puppetfile(const std::string& text,
                                              const std::function<bool(const std::string&)>& is_vendored) {
    if (text.size() > largest) {
        refuse(1, "", "the file is larger than 1 MiB");
    }
    StatementReader reader(text);
    Interpreter interpreter(is_vendored);
    while (const auto statement = reader.next()) {
        interpreter.add(*statement);
    }
    return std::move(interpreter).modules();
}

}  // namespace bootwright
