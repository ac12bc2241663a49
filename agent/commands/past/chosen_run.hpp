#pragma once

#include "agent/config/system.hpp"
#include "agent/record/past.hpp"
#include "common/documents/json.hpp"

#include <string>

namespace bootwright {

/// The beginning of a time in UTC: "2026-03-03", "2026-03-03T12:00" as it is given; of "7d", when that was.
/// @param called names it in the error @throws UsageError
std::string time_of(const System& system, const std::string& text, const std::string& called);

/// A number from 1 on. @throws UsageError
int whole_number(const std::string& text, const std::string& called);

/// The line of the run that `text` means: a number, "last_good", or a time as time_of() takes it: the last run that had ended then.
/// @throws UsageError; Error history.no_such_run (permanent)
Json chosen_run(const System& system, const Past& past, const std::string& text, const std::string& called);

/// The report of the run of that line; null if it is not kept any more, or cannot be read.
Json kept_report(const System& system, const Json& line);

/// The same, or a revision as Past::of_revision() takes it: what is nothing else.
Json chosen_run_or_revision(const System& system, const Past& past, const std::string& text, const std::string& called);

}  // namespace bootwright
