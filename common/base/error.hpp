#pragma once

#include <chrono>
#include <exception>
#include <optional>
#include <string>
#include <string_view>

namespace bootwright {

/// What a failure means for the next try. It is decided once, where the error is made.
enum class ErrorKind {
    transient,  ///< the same call may succeed later: retried by the stage's policy
    permanent,  ///< somebody has to change something: not retried within the run
    stopped,    ///< the agent was told to stop: nothing is wrong
};

std::string_view to_string(ErrorKind kind);

/// The one error type of the program.
struct Error : std::exception {
    /// Makes message and advice fit to be shown: control characters become "?", and each is cut at 16 KiB.
    Error(ErrorKind error_kind, std::string stable_code, const std::string& full_message,
          const std::string& what_to_do);

    [[nodiscard]] const char* what() const noexcept override { return message.c_str(); }

    ErrorKind kind;
    std::string code;                                        ///< stable, `area.reason`, listed in docs/operations.md
    std::string message;                                     ///< what failed, where, and why; never holds a secret
    std::string advice;                                      ///< what the reader does next
    std::optional<std::chrono::milliseconds> retry_after{};  ///< what the server asked for (HTTP Retry-After)
};

Error transient_error(std::string code, const std::string& message, const std::string& advice);
Error permanent_error(std::string code, const std::string& message, const std::string& advice);
Error stopped_error();

/// An Error for a failed system call: `what` names the action ("write"), `where` the file. A full disk and a missing
/// permission have codes of their own, since operators meet them most.
Error system_call_error(std::string_view what, std::string_view where, int error_number);

}  // namespace bootwright
