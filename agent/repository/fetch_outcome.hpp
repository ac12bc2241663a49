#pragma once

#include "agent/config/system.hpp"
#include "agent/repository/between_request.hpp"
#include "agent/repository/checkout.hpp"
#include "agent/repository/fetch_events.hpp"
#include "agent/repository/fetch_request.hpp"
#include "agent/repository/modules_request.hpp"
#include "agent/repository/snapshot_request.hpp"
#include "common/documents/json.hpp"
#include "common/net/redactor.hpp"
#include "common/processes/process.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bootwright {

/// What bootwright-fetch said at the end.
struct FetchOutcome {
    std::optional<Checkout> checkout{};
    std::optional<Snapshot> snapshot{};
    std::optional<Between> between{};
    std::vector<ResolvedModule> modules{};
    std::optional<Error> error{};
};

/// Starts bootwright-fetch, which reads `request` and says what read_fetch_event() reads.
ProcessRequest fetch_process(const System& system, const Json& request, std::chrono::milliseconds timeout);

/// Knows what must not be shown of the request.
Redactor secrets_of(const FetchRequest& request);
Redactor secrets_of(const SnapshotRequest& request);
Redactor secrets_of(const ModulesRequest& request);

/// Without what must not be shown.
CommitWords cleaned(CommitWords words, const Redactor& redactor);

/// Reads one line of bootwright-fetch. That runs as root, but reads what strangers have made: no path of files is taken
/// from it, and `redactor` cleans each text of it.
/// @throws Error repository.fetch_crashed if it says what it never says
void read_fetch_event(std::string_view line, const FetchRequest& request, const Redactor& redactor,
                      const FetchEvents& events, FetchOutcome& answer);
/// The same for what `bootwright snapshot` asked for.
void read_fetch_event(std::string_view line, const SnapshotRequest& request, const Redactor& redactor,
                      const FetchEvents& events, FetchOutcome& answer);
/// The same for what `bootwright diff` asked for.
void read_fetch_event(std::string_view line, const BetweenRequest& request, const Redactor& redactor,
                      const FetchEvents& events, FetchOutcome& answer);
/// The same for what `bootwright modules` asked for: `answer` gets no more modules than were asked for.
void read_fetch_event(std::string_view line, const ModulesRequest& request, const Redactor& redactor,
                      const FetchEvents& events, FetchOutcome& answer);

}  // namespace bootwright
