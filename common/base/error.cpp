#include "common/base/error.hpp"

#include "common/base/encoding.hpp"
#include "common/base/text.hpp"

#include <cerrno>
#include <system_error>
#include <utility>

namespace bootwright {

std::string_view to_string(ErrorKind kind) {
    switch (kind) {
        case ErrorKind::transient: return "transient";
        case ErrorKind::permanent: return "permanent";
        case ErrorKind::stopped: return "stopped";
    }
    return "unknown";
}

namespace {

/// What an error quotes may come from anywhere, and ends up on terminals, in logs and in the status.
std::string fit_to_be_shown(std::string_view text) {
    constexpr std::size_t longest = 16384;
    return printable(shortened(text, longest));
}

}  // namespace

Error::Error(ErrorKind error_kind, std::string stable_code, const std::string& full_message,
             const std::string& what_to_do)
    : kind(error_kind),
      code(std::move(stable_code)),
      message(fit_to_be_shown(full_message)),
      advice(fit_to_be_shown(what_to_do)) {}

Error transient_error(std::string code, const std::string& message, const std::string& advice) {
    return {ErrorKind::transient, std::move(code), message, advice};
}

Error permanent_error(std::string code, const std::string& message, const std::string& advice) {
    return {ErrorKind::permanent, std::move(code), message, advice};
}

Error stopped_error() {
    return {ErrorKind::stopped, "stopped", "the agent was told to stop",
            "nothing is wrong: the next start of the agent begins a new run"};
}

Error system_call_error(std::string_view what, std::string_view where, int error_number) {
    const std::string message =
        "cannot " + std::string(what) + " " + std::string(where) + ": " + std::system_category().message(error_number);
    switch (error_number) {
        case ENOSPC:
        case EDQUOT:
            return transient_error("io.no_space", message,
                                   "free space (or inodes) on that file system: `df -h` and `df -i` show it");
        case EACCES:
        case EPERM:
            return permanent_error("io.not_permitted", message,
                                   "run the agent as root; for root, look at `lsattr` and the options of the mount");
        case EROFS:
            return permanent_error(
                "io.not_permitted", message,
                "check that the file system is mounted writable: `findmnt` says so, `dmesg` why not");
        default:
            return transient_error("io.failed", message,
                                   "check the file system's health: `dmesg` and `findmnt` say more");
    }
}

}  // namespace bootwright
