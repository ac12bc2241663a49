#include "agent/help/markdown.hpp"

#include "common/base/text.hpp"

#include <array>
#include <optional>

namespace bootwright {

namespace {

struct Mark {
    std::string_view sign;
    Span::Kind kind;
};

constexpr std::array marks{Mark{"`", Span::Kind::code}, Mark{"**", Span::Kind::strong},
                           Mark{"*", Span::Kind::emphasis}};

/// The marked part that `line` begins with, and its length with the marks.
std::optional<std::pair<Span, std::size_t>> marked(std::string_view line) {
    for (const Mark& mark : marks) {
        const std::size_t begin = mark.sign.size();
        const std::size_t end = line.starts_with(mark.sign) ? line.find(mark.sign, begin) : std::string_view::npos;
        if (end != std::string_view::npos && end > begin && line[begin] != ' ' && line[end - 1] != ' ') {
            return {{{mark.kind, std::string(line.substr(begin, end - begin))}, end + begin}};
        }
    }
    return std::nullopt;
}

struct Link {
    std::string_view text;
    std::size_t length = 0;  ///< of "[text](target)"
};

std::optional<Link> link(std::string_view line) {
    const std::size_t middle = line.starts_with('[') ? line.find("](") : std::string_view::npos;
    const std::size_t end = middle == std::string_view::npos ? middle : line.find(')', middle);
    if (end == std::string_view::npos || line.substr(1, middle - 1).find('[') != std::string_view::npos) {
        return std::nullopt;
    }
    return Link{line.substr(1, middle - 1), end + 1};
}

void append(std::vector<Span>& spans, const Span& span) {
    if (!spans.empty() && spans.back().kind == span.kind && span.kind == Span::Kind::text) {
        spans.back().text += span.text;
    } else {
        spans.push_back(span);
    }
}

std::string_view sign_of(Span::Kind kind) { return kind == Span::Kind::code ? "`" : ""; }

}  // namespace

// NOLINTNEXTLINE(misc-no-recursion): the text of a link holds none
std::vector<Span> spans_of(std::string_view line) {
    std::vector<Span> spans;
    while (!line.empty()) {
        std::size_t length = 1;
        if (const auto found = marked(line)) {
            append(spans, found->first);
            length = found->second;
        } else if (const auto target = link(line)) {
            for (const Span& span : spans_of(target->text)) {
                append(spans, span);
            }
            length = target->length;
        } else {
            append(spans, {Span::Kind::text, std::string(line.substr(0, 1))});
        }
        line.remove_prefix(length);
    }
    return spans;
}

std::string plain(std::string_view line) {
    std::string text;
    for (const Span& span : spans_of(line)) {
        text += std::string(sign_of(span.kind)) + span.text + std::string(sign_of(span.kind));
    }
    return text;
}

std::vector<std::string> wrapped(std::string_view text, std::size_t width) {
    std::vector<std::string> lines{""};
    for (const std::string& word : split(text, ' ')) {
        std::string& last = lines.back();
        if (last.empty()) {
            last = word;
        } else if (last.size() + 1 + word.size() <= width) {
            last += " " + word;
        } else {
            lines.push_back(word);
        }
    }
    return lines;
}

}  // namespace bootwright
