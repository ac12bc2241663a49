#include "common/base/journal.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>

namespace bootwright {

namespace {

/// The form for values that may hold line ends: the name in a line, the length in 64 bits with the lowest byte first,
/// the value, a line end. It is allowed for any value, so that no value can pass for a field.
void append(std::string& entry, std::string_view name, std::string_view value) {
    constexpr unsigned length_bytes = 8;
    entry.append(name).append("\n");
    for (unsigned i = 0; i < length_bytes; ++i) {
        entry += static_cast<char>((static_cast<std::uint64_t>(value.size()) >> (8U * i)) & 0xffU);
    }
    entry.append(value).append("\n");
}

}  // namespace

bool send_to_journal(const std::string& socket, const JournalFields& fields) {
    sockaddr_un address{};
    if (socket.size() >= sizeof(address.sun_path)) {
        return false;
    }
    address.sun_family = AF_UNIX;
    socket.copy(static_cast<char*>(address.sun_path), socket.size());
    std::string entry;
    for (const auto& [name, value] : fields) {
        append(entry, name, value);
    }
    const int sender = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (sender < 0) {
        return false;
    }
    constexpr timeval longest{.tv_sec = 0, .tv_usec = 200'000};
    setsockopt(sender, SOL_SOCKET, SO_SNDTIMEO, &longest, sizeof(longest));
    ssize_t sent = -1;
    do {
        sent = sendto(sender, entry.data(), entry.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&address),
                      sizeof(address));
    } while (sent < 0 && errno == EINTR);
    close(sender);
    return sent >= 0;
}

bool is_journal_stream(int descriptor, const char* named) {
    struct stat status {};
    return named != nullptr && fstat(descriptor, &status) == 0 &&
           named == std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
}

}  // namespace bootwright
