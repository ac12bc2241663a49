#pragma once

#include "agent/servers/advice.hpp"
#include "common/base/error.hpp"
#include "common/documents/json.hpp"

#include <chrono>
#include <exception>
#include <iostream>
#include <iterator>
#include <string>

namespace bootwright {

/// One event of a child, a JSON object, on a line of its standard output.
inline void write_event(const Json& event) { std::cout << to_line(event) << '\n' << std::flush; }

/// Limits progress events to ten a second, and one at the end.
class EventPace {
public:
    bool is_due(bool is_end) {
        const auto now = std::chrono::steady_clock::now();
        const bool due = now - last_ >= std::chrono::milliseconds(100) || (is_end && !was_end_);
        last_ = due ? now : last_;
        was_end_ = is_end;
        return due;
    }

private:
    std::chrono::steady_clock::time_point last_{};
    bool was_end_ = false;
};

/// The whole of a child that reads one JSON document from standard input: `answer` turns it into the last event. What
/// `answer` throws becomes the event {"error": ERROR}. Returns the exit status.
template <typename Answer>
int run_child(Answer answer) {
    try {
        const std::string input(std::istreambuf_iterator<char>(std::cin), {});
        write_event(answer(Json::parse(input)));
        return 0;
    } catch (const Error& error) {
        write_event({{"error", to_json(advised(error))}});
    } catch (const std::exception& error) {
        write_event({{"error", to_json(transient_error("repository.fetch_crashed", error.what(),
                                                       "report this as a defect of bootwright"))}});
    }
    return 1;
}

}  // namespace bootwright
