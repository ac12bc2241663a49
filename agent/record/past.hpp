#pragma once

#include "agent/config/system.hpp"
#include "common/documents/json.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bootwright {

// The past: what stays of each run for years, when its folder is long gone. /var/lib/bootwright/history.jsonl (0600) has a
// line of JSON for each, the oldest first; docs/history.md lists its keys. What the run went by and applied is kept beside
// it (past_contents.hpp), and named in the line.

/// The highest `schema` of a line that this version understands.
inline constexpr int history_schema = 1;

/// How much room the past may take.
struct PastLimits {
    std::uint64_t lines = std::uint64_t{16} << 20U;  ///< bytes of history.jsonl; beyond it, the oldest lines go
    std::uint64_t contents = std::uint64_t{32}
                             << 20U;  ///< bytes of what runs went by; beyond it, what was used longest ago goes
};

/// Adds each run on disk that is newer than the last line, also one whose agent was killed before it could do that. The
/// caller holds the run lock. @throws Error io.*
void remember_runs(const System& system, const PastLimits& limits = {});

/// The number of the last run that is remembered; 0: none.
int last_remembered_run(const System& system);

/// Reads the past as it was when this was made. What is no line of ours is passed over.
class Past {
public:
    /// @throws Error io.*
    explicit Past(const System& system);
    Past(const Past&) = delete;
    Past& operator=(const Past&) = delete;
    ~Past() = default;

    /// How many runs there are.
    [[nodiscard]] std::size_t size() const { return lines_.size(); }
    /// 0: the oldest. An object; its members may be missing.
    [[nodiscard]] Json line(std::size_t index) const;
    [[nodiscard]] std::optional<Json> run(int number) const;
    /// The last run that had ended at `time`, the beginning of a time in UTC as "2026-03-03" or "2026-03-03T12:00". A day
    /// or an hour counts to its end. A run that left the machine as it was does not count: a lock stopped it, or it was a
    /// noop that an operator asked for.
    [[nodiscard]] std::optional<Json> at(std::string_view time) const;
    /// The last run whose catalog was kept and whose revision is `text`: a commit id, its beginning, or the name that was asked
    /// for ("main"). A run that counts goes before a noop. @throws Error history.no_such_run (permanent) if several revisions
    /// begin so
    [[nodiscard]] std::optional<Json> of_revision(std::string_view text) const;
    /// The last run that counts.
    [[nodiscard]] std::optional<Json> last() const;
    /// The index of the first run from which on none had begun before `time`; size(): there is none.
    [[nodiscard]] std::size_t since(std::string_view time) const;
    /// True if the run counts and was not good. Quicker than to read the line.
    [[nodiscard]] bool is_bad(std::size_t index) const;

private:
    std::string text_;
    std::vector<std::string_view> lines_;
};

}  // namespace bootwright
