#pragma once

#include <chrono>
#include <optional>
#include <string>

namespace bootwright {

/// Asks one name server for the address of a host, over UDP, and looks at nothing of its answer but the header. Returns
/// nullopt if it answers, also that there is no such name; else the reason in words: "does not answer within 2 s".
/// @param server an address, as resolv.conf(5) names it
std::optional<std::string> why_no_answer(const std::string& server, const std::string& host,
                                         std::chrono::milliseconds limit);

}  // namespace bootwright
