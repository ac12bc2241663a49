#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bootwright {

/// Names and values of one entry. A name is of capital letters, digits and underscores; a value may be any bytes.
using JournalFields = std::vector<std::pair<std::string_view, std::string_view>>;

inline constexpr const char* journal_socket = "/run/systemd/journal/socket";

/// Hands one entry to systemd-journald, in its own protocol (https://systemd.io/JOURNAL_NATIVE_PROTOCOL/). False if nobody
/// listens there, if it takes nothing within a fifth of a second, or if the entry is too long for a datagram.
bool send_to_journal(const std::string& socket, const JournalFields& fields);

/// True if the descriptor is the stream to the journal that systemd gave this process. A child, or a shell, may have
/// inherited the variable and have another stream. @param named the value of JOURNAL_STREAM (systemd.exec(5)); may be null
bool is_journal_stream(int descriptor, const char* named);

}  // namespace bootwright
