#include "agent/timeline/timeline.hpp"

#include "common/documents/xml.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <string>

namespace bootwright {

namespace {

using Kind = TimelineBar::Kind;

constexpr double width = 960;      // of the drawing, in pixels
constexpr double margin = 20;      // on each side
constexpr double head = 74;        // above the first row: title, legend, numbers
constexpr double row = 20;         // the height of one
constexpr double bar_height = 14;  // within it
constexpr double letter = 6.7;     // the width of one, of 11 pixels and all the same

constexpr std::array kinds{Kind::before, Kind::stage, Kind::wait,    Kind::pause,
                           Kind::place,  Kind::phase, Kind::resource};

constexpr const char* style =
    "svg{background:#fff;font:11px ui-monospace,monospace}"
    "text{fill:#1c1c1e}.title{font-size:14px;font-weight:bold}.scale{fill:#6b7280}"
    "line{stroke:#d9dde3}"
    ".before{fill:#b8bec9}.stage{fill:#3b7dd8}.wait{fill:#e0a526}.pause{fill:#d9603b}"
    ".within{fill:#fff}"
    ".place{fill:#6aa9f0}.phase{fill:#2f9e6e}.resource{fill:#86cfae}"
    "@media(prefers-color-scheme:dark){svg{background:#16181d}text{fill:#e6e8eb}.within{fill:#fff}.scale{fill:#9aa3b2}"
    "line{stroke:#30353f}.before{fill:#5a6273}}";

std::string number(double value) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.1f", value);
    return text.data();
}

std::string text_at(double x, double y, const std::string& text, const std::string& more = "") {
    return "<text x=\"" + number(x) + "\" y=\"" + number(y) + "\"" + more + ">" + xml_escaped(text) + "</text>\n";
}

/// 1, 2 or 5 times a power of ten, so that the whole has at most twelve of it.
double scale_step(double whole) {
    constexpr double most = 12;
    const double power = std::pow(10.0, std::floor(std::log10(whole / most)));
    const auto fits = [&](double factor) { return whole / (power * factor) <= most; };
    return power * (fits(1) ? 1 : fits(2) ? 2 : fits(5) ? 5 : 10);
}

std::string shown_step(double seconds, double step) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), step < 1 ? "%.2f s" : "%.0f s", seconds);
    return text.data();
}

/// Where moments lie.
class Scale {
public:
    explicit Scale(const Timeline& timeline)
        : begin_(timeline.begin), whole_(std::max(timeline.end - timeline.begin, 0.001)) {}

    [[nodiscard]] double whole() const { return whole_; }
    [[nodiscard]] double x(double seconds) const { return margin + (seconds - begin_) / whole_ * (width - 2 * margin); }

private:
    double begin_;
    double whole_;
};

std::string legend() {
    std::string drawn;
    double x = margin;
    for (const Kind kind : kinds) {
        const std::string name(name_of(kind));
        drawn += "<rect class=\"" + name + "\" x=\"" + number(x) + "\" y=\"36.0\" width=\"10\" height=\"10\"/>\n" +
                 text_at(x + 14, 45, name);
        x += 28 + letter * static_cast<double>(name.size());
    }
    return drawn;
}

std::string grid(const Timeline& timeline, const Scale& scale, double height) {
    std::string drawn;
    const double step = scale_step(scale.whole());
    const auto last = static_cast<long long>(std::floor(timeline.end / step));
    for (auto line = static_cast<long long>(std::ceil(timeline.begin / step)); line <= last; ++line) {
        const double at = static_cast<double>(line) * step;
        const std::string x = number(scale.x(at));
        drawn += "<line x1=\"" + x + "\" y1=\"66.0\" x2=\"" + x + "\" y2=\"" + number(height - 10) + "\"/>\n" +
                 text_at(scale.x(at), 62, shown_step(at, step), " class=\"scale\" text-anchor=\"middle\"");
    }
    return drawn;
}

/// To the right of the bar, or to its left if the drawing ends there, or within a long one.
std::string drawn_label(const std::string& label, double x, double length, double y) {
    constexpr double gap = 4;
    const double room = letter * static_cast<double>(label.size()) + gap;
    if (x + length + room < width - margin) {
        return text_at(x + length + gap, y, label);
    }
    return x - room > margin ? text_at(x - gap, y, label, " text-anchor=\"end\"")
                             : text_at(x + gap, y, label, " class=\"within\"");
}

std::string drawn_bar(const TimelineBar& bar, const Scale& scale, double y) {
    constexpr double least = 1;      // pixels, or it would not be seen
    constexpr double baseline = 11;  // of the label
    const double x = scale.x(bar.from);
    const double length = std::max(scale.x(bar.from + bar.seconds) - x, least);
    const std::string label = bar.what + " (" + shown_step(bar.seconds, 0) + ")";
    const std::string name(name_of(bar.kind));
    return "<g><title>" + xml_escaped(name + ": " + label + ", from " + shown_step(bar.from, 0)) +
           "</title><rect class=\"" + name + "\" x=\"" + number(x) + "\" y=\"" + number(y) + "\" width=\"" +
           number(length) + "\" height=\"" + number(bar_height) + "\"/>\n" +
           drawn_label(label, x, length, y + baseline) + "</g>\n";
}

}  // namespace

std::string timeline_svg(const Timeline& timeline) {
    const Scale scale(timeline);
    const double height = head + row * static_cast<double>(timeline.bars.size()) + margin;
    const std::string size = number(width) + " " + number(height);
    std::string svg = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" +
                      number(width) + "\" height=\"" + number(height) + "\" viewBox=\"0 0 " + size + "\">\n<style>" +
                      style + "</style>\n" + text_at(margin, 24, timeline.title, " class=\"title\"") + legend() +
                      grid(timeline, scale, height);
    double y = head;
    for (const TimelineBar& bar : timeline.bars) {
        svg += drawn_bar(bar, scale, y);
        y += row;
    }
    return svg + "</svg>\n";
}

}  // namespace bootwright
