#pragma once

#include "agent/commands/output.hpp"
#include "common/base/clock.hpp"
#include "common/documents/json.hpp"

#include <string>
#include <utility>
#include <vector>

namespace bootwright {

/// Lines of `bootwright status` below the first: a label, and what it labels.
class StatusFields {
public:
    /// @param tone of the label
    void add(const std::string& label, const std::string& text, Tone tone = Tone::quiet);
    void add(const std::string& label, std::vector<Piece> pieces, Tone tone = Tone::quiet);
    [[nodiscard]] std::vector<Line> take() { return std::move(lines_); }

private:
    std::vector<Line> lines_{};
};

/// A run of the status, and who is still there.
struct SeenRun {
    const Json& run;
    Instant now;
    bool is_running = false;
    bool is_alive = false;  ///< its agent's process is there
    bool has_daemon = false;
};

/// All that is told of the run.
void describe_run(StatusFields& fields, const SeenRun& seen);

/// An error of the status: its code, what it says, and what to do.
void describe_error(StatusFields& fields, const Json& error);

/// "resources 12 of 82, about 40 s left"; "" where there is nothing to count.
std::string progress_of(const Json& run, const Instant& now);

/// The first digits of a revision.
std::string short_id(const Json& revision);

/// "5 min ago", of an instant of the status.
std::string ago(const Json& instant, const Instant& now);
/// "in 5 min"
std::string until(const Json& instant, const Instant& now);
/// The time of an instant of the status.
std::chrono::milliseconds boot_time(const Json& instant);

}  // namespace bootwright
