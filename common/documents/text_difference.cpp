#include "common/documents/text_difference.hpp"

#include "common/base/text.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace bootwright {

namespace {

using Lines = std::vector<std::string>;

struct Edit {
    char sign;  ///< ' ', '-', '+'
    const std::string* line;
};

Lines lines_of(std::string_view text) {
    Lines lines = text.empty() ? Lines{} : split(text, '\n');
    if (!lines.empty() && lines.back().empty()) {
        lines.pop_back();  // the end of the last line
    } else if (!lines.empty()) {
        lines.push_back("\\ No newline at end of file");
    }
    return lines;
}

/// lengths[i][j]: how many lines the longest common subsequence of the rests from i and j on has.
class CommonLengths {
public:
    CommonLengths(const Lines& before, const Lines& after)
        : width_(after.size() + 1), lengths_((before.size() + 1) * width_) {
        for (std::size_t i = before.size(); i-- > 0;) {
            for (std::size_t j = after.size(); j-- > 0;) {
                lengths_[i * width_ + j] =
                    before[i] == after[j] ? at(i + 1, j + 1) + 1 : std::max(at(i + 1, j), at(i, j + 1));
            }
        }
    }

    [[nodiscard]] std::uint32_t at(std::size_t i, std::size_t j) const { return lengths_[i * width_ + j]; }

private:
    std::size_t width_;
    std::vector<std::uint32_t> lengths_;
};

/// The edits of a middle that differs at both ends.
std::vector<Edit> edits_of(const Lines& before, const Lines& after) {
    constexpr std::size_t most_cells = std::size_t{4} << 20U;  // 16 MB
    std::vector<Edit> edits;
    std::size_t i = 0;
    std::size_t j = 0;
    if ((before.size() + 1) * (after.size() + 1) <= most_cells) {
        const CommonLengths common(before, after);
        while (i < before.size() && j < after.size()) {
            if (before[i] == after[j]) {
                edits.push_back({' ', &before[i]});
                ++i;
                ++j;
            } else if (common.at(i + 1, j) >= common.at(i, j + 1)) {
                edits.push_back({'-', &before[i++]});
            } else {
                edits.push_back({'+', &after[j++]});
            }
        }
    }
    while (i < before.size()) {
        edits.push_back({'-', &before[i++]});
    }
    while (j < after.size()) {
        edits.push_back({'+', &after[j++]});
    }
    return edits;
}

/// Each change with three lines around it.
Lines with_context(const std::vector<Edit>& edits) {
    constexpr std::size_t context = 3;
    Lines shown;
    bool was_shown = false;
    for (std::size_t i = 0; i < edits.size(); ++i) {
        const auto from = edits.begin() + static_cast<std::ptrdiff_t>(i - std::min(i, context));
        const auto to = edits.begin() + static_cast<std::ptrdiff_t>(std::min(i + context + 1, edits.size()));
        const bool is_near = std::any_of(from, to, [](const Edit& edit) { return edit.sign != ' '; });
        if (is_near && !was_shown) {
            shown.emplace_back("@@");
        }
        if (is_near) {
            shown.push_back(edits[i].sign + *edits[i].line);
        }
        was_shown = is_near;
    }
    return shown;
}

}  // namespace

std::vector<std::string> line_difference(std::string_view before, std::string_view after) {
    if (before == after) {
        return {};
    }
    const Lines old_lines = lines_of(before);
    const Lines new_lines = lines_of(after);
    const auto [old_end, new_end] =
        std::mismatch(old_lines.begin(), old_lines.end(), new_lines.begin(), new_lines.end());
    const auto [old_tail, new_tail] = std::mismatch(old_lines.rbegin(), std::make_reverse_iterator(old_end),
                                                    new_lines.rbegin(), std::make_reverse_iterator(new_end));
    const Lines old_middle(old_end, old_tail.base());
    const Lines new_middle(new_end, new_tail.base());
    std::vector<Edit> edits;
    std::for_each(old_lines.begin(), old_end, [&](const std::string& line) { edits.push_back({' ', &line}); });
    for (const Edit& edit : edits_of(old_middle, new_middle)) {
        edits.push_back(edit);
    }
    std::for_each(old_tail.base(), old_lines.end(), [&](const std::string& line) { edits.push_back({' ', &line}); });
    return with_context(edits);
}

}  // namespace bootwright
