#include "common/net/redactor.hpp"

#include "common/base/encoding.hpp"
#include "common/base/text.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>
#include <utility>

namespace bootwright {

namespace {

constexpr std::string_view mark_of_removal = "[redacted]";

std::uint64_t key_at(std::string_view text, std::size_t at) {
    std::uint64_t key = 0;
    std::memcpy(&key, text.data() + at, Redactor::shortest);
    return key;
}

std::size_t pair_at(std::string_view text, std::size_t at) {
    constexpr std::size_t values_of_a_byte = 256;
    return static_cast<unsigned char>(text[at]) * values_of_a_byte + static_cast<unsigned char>(text[at + 1]);
}

std::string replaced(std::string_view text, char sign, std::string_view by) {
    std::string result;
    for (const char c : text) {
        result += c == sign ? by : std::string_view(&c, 1);
    }
    return result;
}

std::optional<std::uint32_t> number_in(std::string_view digits, int base) {
    std::uint32_t number = 0;
    const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), number, base);
    const bool is_whole = !digits.empty() && parsed.ec == std::errc() && parsed.ptr == digits.data() + digits.size();
    return is_whole ? std::optional(number) : std::nullopt;
}

/// RFC 3629.
std::string utf8_of(std::uint32_t point) {
    const auto tail = [&](unsigned shift) { return static_cast<char>(0x80U | ((point >> shift) & 0x3FU)); };
    if (point < 0x80U) {
        return {static_cast<char>(point)};
    }
    if (point < 0x800U) {
        return {static_cast<char>(0xC0U | (point >> 6U)), tail(0)};
    }
    if (point < 0x10000U) {
        return {static_cast<char>(0xE0U | (point >> 12U)), tail(6), tail(0)};
    }
    return {static_cast<char>(0xF0U | (point >> 18U)), tail(12), tail(6), tail(0)};
}

/// What an escape at the beginning of a text stands for, and how long it is.
struct Escape {
    std::string plain;
    std::size_t length;
};

std::optional<Escape> percent_escape(std::string_view text) {
    const auto byte = text.size() >= 3 && text.front() == '%' ? number_in(text.substr(1, 2), 16) : std::nullopt;
    return byte ? std::optional(Escape{std::string(1, static_cast<char>(*byte)), 3}) : std::nullopt;
}

/// The escapes of JSON (RFC 8259, section 7), Ruby's String#inspect, Python's repr() and bash's $'…' and backslash.
std::optional<Escape> backslash_escape(std::string_view text) {
    if (text.size() < 2 || text.front() != '\\') {
        return std::nullopt;
    }
    const char kind = text[1];
    if (kind == 'u' || kind == 'x') {
        const std::size_t digits = kind == 'u' ? 4 : 2;
        const auto code = text.size() >= 2 + digits ? number_in(text.substr(2, digits), 16) : std::nullopt;
        if (code) {
            return Escape{kind == 'u' ? utf8_of(*code) : std::string(1, static_cast<char>(*code)), 2 + digits};
        }
        const std::size_t end = std::min(text.find('}'), text.size());
        const auto braced = text.substr(2).starts_with('{') && end < text.size()
                                ? number_in(text.substr(3, end - 3), 16)
                                : std::nullopt;
        return braced ? std::optional(Escape{utf8_of(*braced), end + 1}) : std::nullopt;
    }
    constexpr std::string_view names = "nrtbfvae0";
    constexpr std::string_view values("\n\r\t\b\f\v\a\x1B\0", 9);
    const std::size_t name = names.find(kind);
    return Escape{std::string(1, name == std::string_view::npos ? kind : values[name]), 2};
}

std::optional<Escape> line_end(std::string_view text) {
    const bool is_one = text.front() == '\n' || text.front() == '\r';
    return is_one ? std::optional(Escape{"", 1}) : std::nullopt;
}

/// Where something that was cut off may end, or begin.
bool is_right_edge(std::string_view text, std::size_t at) {
    const std::string_view rest = text.substr(at);
    return rest.empty() || rest.front() == '\n' || rest.starts_with("…") || rest.starts_with("...");
}

bool is_left_edge(std::string_view text, std::size_t at) {
    const std::string_view before = text.substr(0, at);
    return before.empty() || before.back() == '\n' || before.ends_with("…") || before.ends_with("...");
}

}  // namespace

/// A text without its escapes, and where each of its bytes begins and ends in the text as written.
struct Redactor::View {
    std::string text;
    std::vector<std::size_t> begins;
    std::vector<std::size_t> ends;

    static View of(std::string_view written) {
        View view{std::string(written), {}, {}};
        for (std::size_t at = 0; at < written.size(); ++at) {
            view.begins.push_back(at);
            view.ends.push_back(at + 1);
        }
        return view;
    }

    template <typename EscapeAt>
    [[nodiscard]] View without(EscapeAt escape_at) const {
        View plain;
        for (std::size_t at = 0; at < text.size();) {
            const auto escape = escape_at(std::string_view(text).substr(at));
            const std::string meant = escape ? escape->plain : text.substr(at, 1);
            const std::size_t length = escape ? escape->length : 1;
            plain.text += meant;
            plain.begins.insert(plain.begins.end(), meant.size(), begins[at]);
            plain.ends.insert(plain.ends.end(), meant.size(), ends[at + length - 1]);
            at += length;
        }
        return plain;
    }
};

void Redactor::add_form(std::string form) {
    if (form.size() < shortest || !known_.insert(form).second) {
        return;
    }
    heads_[key_at(form, 0)].push_back(forms_.size());
    tails_[key_at(form, form.size() - shortest)].push_back(forms_.size());
    first_bytes_.set(pair_at(form, 0));
    last_bytes_.set(pair_at(form, form.size() - 2));
    forms_.push_back(std::move(form));
}

/// Adds the base64 characters that depend on the secret alone, for each of the three offsets at which it may begin.
void Redactor::add_base64(std::string_view secret) {
    constexpr std::size_t bits_of_byte = 8;
    constexpr std::size_t bits_of_character = 6;
    for (std::size_t before = 0; before < 3; ++before) {
        const std::string encoded = encode_base64(std::string(before, '\0') + std::string(secret));
        const std::size_t begin = (before * bits_of_byte + bits_of_character - 1) / bits_of_character;
        const std::size_t end = (before + secret.size()) * bits_of_byte / bits_of_character;
        const std::string form = encoded.substr(begin, end - begin);
        add_form(form);
        add_form(replaced(replaced(form, '+', "-"), '/', "_"));  // RFC 4648, section 5
    }
}

void Redactor::add(std::string_view secret) {
    if (secret.size() < shortest) {
        return;
    }
    for (const std::string& line : split(secret, '\n')) {
        add_form(std::string(trimmed(line)));
    }
    add_form(std::string(secret));
    add_form(replaced(secret, ' ', "+"));         // as a form's value (application/x-www-form-urlencoded)
    add_form(replaced(secret, '\'', "'\\''"));    // a shell's quotes
    add_form(replaced(secret, '\'', "'\"'\"'"));  // Python's shlex.quote()
    add_base64(secret);
}

void Redactor::add_url(const Url& url) {
    for (const std::string& secret : url.secrets()) {
        add(secret);
    }
}

// NOLINTNEXTLINE(misc-no-recursion): the reader of JSON bounds its depth
void Redactor::add_values(const Json& json) {
    if (json.is_string()) {
        add(json.get_ref<const std::string&>());
    } else if (json.is_number()) {
        add(json.dump());
    }
    if (json.is_structured()) {
        std::for_each(json.begin(), json.end(), [&](const Json& item) { add_values(item); });
    }
}

void Redactor::mark(const View& view, std::vector<bool>& marks) const {
    const std::string_view text = view.text;
    const auto set = [&](std::size_t begin, std::size_t end) {
        std::fill(marks.begin() + static_cast<std::ptrdiff_t>(view.begins[begin]),
                  marks.begin() + static_cast<std::ptrdiff_t>(view.ends[end - 1]), true);
    };
    for (std::size_t at = 0; at + shortest <= text.size(); ++at) {
        const auto head = first_bytes_.test(pair_at(text, at)) ? heads_.find(key_at(text, at)) : heads_.end();
        for (const std::size_t index : head == heads_.end() ? std::vector<std::size_t>() : head->second) {
            const std::string& form = forms_[index];
            const auto [differs, unused] =
                std::mismatch(form.begin(), form.end(), text.begin() + static_cast<std::ptrdiff_t>(at), text.end());
            const auto length = static_cast<std::size_t>(differs - form.begin());
            if (length == form.size() || is_right_edge(text, at + length)) {
                set(at, at + length);
            }
        }
        const std::size_t end = at + shortest;
        const auto tail = last_bytes_.test(pair_at(text, end - 2)) ? tails_.find(key_at(text, at)) : tails_.end();
        for (const std::size_t index : tail == tails_.end() ? std::vector<std::size_t>() : tail->second) {
            const std::string& form = forms_[index];
            const auto before = std::make_reverse_iterator(text.begin() + static_cast<std::ptrdiff_t>(end));
            const auto [differs, unused] = std::mismatch(form.rbegin(), form.rend(), before, text.rend());
            const auto length = static_cast<std::size_t>(differs - form.rbegin());
            if (is_left_edge(text, end - length)) {
                set(end - length, end);
            }
        }
    }
}

std::string Redactor::cleaned(std::string_view text) const {
    if (forms_.empty() || text.size() < shortest) {
        return std::string(text);
    }
    std::vector<bool> marks(text.size());
    const View written = View::of(text);
    mark(written, marks);
    const auto has = [&](std::string_view signs) { return text.find_first_of(signs) != std::string_view::npos; };
    if (has("%")) {
        mark(written.without(percent_escape), marks);
    }
    if (has("\\")) {
        const View meant = written.without(backslash_escape);
        mark(meant, marks);
        mark(meant.without(backslash_escape), marks);  // JSON in JSON
        mark(meant.without(percent_escape), marks);
    }
    if (has("\n")) {
        mark(written.without(line_end), marks);  // base64 in lines, and what somebody has folded
    }
    std::string result;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (!marks[at]) {
            result += text[at];
        } else if (at == 0 || !marks[at - 1]) {
            result += mark_of_removal;
        }
    }
    return result;
}

}  // namespace bootwright
