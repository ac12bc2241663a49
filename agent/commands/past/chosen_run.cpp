#include "agent/commands/past/chosen_run.hpp"

#include "agent/commands/command.hpp"
#include "agent/record/history.hpp"
#include "common/base/clock.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/documents/duration.hpp"
#include "common/files/file.hpp"

#include <algorithm>
#include <charconv>
#include <string_view>

namespace bootwright {

namespace {

/// True for the beginning of "2026-03-03T12:00:00.000Z", from the day on.
bool is_time(std::string_view text) {
    constexpr std::string_view form = "0000-00-00T00:00:00.000Z";
    constexpr std::size_t day = 10;
    constexpr std::size_t minute = 16;
    constexpr std::size_t second = 19;
    const auto fits = [](char c, char wanted) { return wanted == '0' ? c >= '0' && c <= '9' : c == wanted; };
    const bool is_known_length =
        text.size() == day || text.size() == minute || text.size() == second || text.size() == form.size();
    return is_known_length && std::equal(text.begin(), text.end(), form.begin(), fits);
}

Json line_or_error(const std::optional<Json>& line, const std::string& asked) {
    if (!line) {
        throw permanent_error("history.no_such_run", "the history has no " + asked,
                              "`bootwright history` lists the runs that it has");
    }
    return *line;
}

/// "2026-03-03T12:00Z" is understood, too.
std::string_view without_zone(std::string_view text) {
    constexpr std::size_t with_milliseconds = 24;
    return text.ends_with('Z') && text.size() < with_milliseconds ? text.substr(0, text.size() - 1) : text;
}

Json run_of_revision(const Past& past, const std::string& text) {
    auto line = past.of_revision(text);
    if (!line) {
        throw permanent_error(
            "history.no_such_run", "the history has no run of the revision " + text + " with a catalog that is kept",
            "name a run: its number, last_good, a time such as 2026-03-03 or 7d, or a revision; `bootwright history` "
            "lists those that there are");
    }
    return std::move(*line);
}

}  // namespace

std::string time_of(const System& system, const std::string& text, const std::string& called) {
    if (const auto ago = parse_duration(text)) {
        return to_iso8601(system.clock.now().wall - *ago);
    }
    const std::string time(without_zone(text));
    if (!is_time(time)) {
        throw UsageError{
            called + ": expected a time in UTC, such as 2026-03-03 or 2026-03-03T12:00, or how long ago, such as 7d"};
    }
    return time;
}

int whole_number(const std::string& text, const std::string& called) {
    int number = 0;
    const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (status != std::errc() || end != text.data() + text.size() || number < 1) {
        throw UsageError{called + ": expected a number from 1, such as 42"};
    }
    return number;
}

Json chosen_run(const System& system, const Past& past, const std::string& text, const std::string& called) {
    if (is_digits(text)) {
        const int number = whole_number(text, called);
        return line_or_error(past.run(number), "run " + std::to_string(number));
    }
    if (text == "last_good") {
        const auto good = read_last_good(system);
        return line_or_error(good ? past.run(good->run) : std::nullopt, "good run");
    }
    const std::string time = time_of(system, text, called);
    return line_or_error(past.at(time), "run that had ended at " + time);
}

Json kept_report(const System& system, const Json& line) {
    constexpr std::size_t largest = std::size_t{4} << 20U;
    const Json& number = member_at(line, "run");
    Json report = number.is_number_integer()
                      ? parse_json(read_or_empty(run_folder(system, number.get<int>()) / "report.json", largest))
                      : Json();
    return report.is_object() ? report : Json();
}

Json chosen_run_or_revision(const System& system, const Past& past, const std::string& text,
                            const std::string& called) {
    constexpr std::size_t shortest_id = 7;  // as git prints it; a shorter number is a run's
    const bool is_run = (is_digits(text) && text.size() < shortest_id) || text == "last_good";
    const bool is_moment = text.empty() || parse_duration(text) || is_time(without_zone(text));
    return is_run || is_moment ? chosen_run(system, past, text, called) : run_of_revision(past, text);
}

}  // namespace bootwright
