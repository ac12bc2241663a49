#include "common/error.hpp"

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

Error::Error(ErrorKind error_kind, std::string stable_code, std::string full_message, std::string what_to_do)
    : kind(error_kind), code(std::move(stable_code)), message(std::move(full_message)), advice(std::move(what_to_do)) {}

Error transient_error(std::string code, std::string message, std::string advice) {
    return {ErrorKind::transient, std::move(code), std::move(message), std::move(advice)};
}

Error permanent_error(std::string code, std::string message, std::string advice) {
    return {ErrorKind::permanent, std::move(code), std::move(message), std::move(advice)};
}

Error stopped_error() {
    return {ErrorKind::stopped, "stopped", "the agent was told to stop",
            "nothing is wrong: the next start of the agent begins a new run"};
}

Error system_call_error(std::string_view what, std::string_view where, int error_number) {
    std::string message =
        "cannot " + std::string(what) + " " + std::string(where) + ": " + std::system_category().message(error_number);
    switch (error_number) {
        case ENOSPC:
        case EDQUOT:
            return transient_error("io.no_space", std::move(message),
                                   "free space (or inodes) on that file system: `df -h` and `df -i` show it");
        case EACCES:
        case EPERM:
        case EROFS:
            return permanent_error("io.not_permitted", std::move(message),
                                   "run the agent as root and check that the file system is mounted writable");
        default:
            return transient_error("io.failed", std::move(message),
                                   "check the file system's health: `dmesg` and `findmnt` say more");
    }
}

}  // namespace bootwright
