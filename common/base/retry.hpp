#pragma once

#include "common/base/clock.hpp"
#include "common/base/error.hpp"

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

namespace bootwright {

/// How often and how patiently something is tried.
struct RetryPolicy {
    int attempts = 1;                   ///< in all, the first included
    std::chrono::milliseconds base{0};  ///< the upper bound of the first delay
    std::chrono::milliseconds cap{0};   ///< the upper bound of every delay
};

/// Full jitter: a random share of min(cap, base * 2^(attempt-1)), so that a fleet that failed together does not return
/// together. `attempt` counts from 1; `random` is in [0, 1).
std::chrono::milliseconds backoff_delay(int attempt, const RetryPolicy& policy, double random);

/// The delay before the attempt after `error`: the backoff, or what the server asked for (Retry-After) if that is
/// longer. At most ten minutes of it are honoured, so that a hostile answer cannot park the machine.
std::chrono::milliseconds delay_after(const Error& error, int attempt, const RetryPolicy& policy, double random);

/// The delay that the header Retry-After asks for (RFC 9110, 10.2.3); nullopt for a date. @param headers names in lower
/// case
std::optional<std::chrono::milliseconds> retry_after(const std::map<std::string, std::string>& headers);

/// Calls `action(attempt)` until it returns. A transient Error is retried until the policy's attempts are used up, then
/// it is thrown on; every other Error is thrown at once. `on_retry(attempt, delay, error)` is called before each wait.
/// @throws Error stopped, when `stop` is requested during a wait
template <typename Action, typename OnRetry>
auto retry(const RetryPolicy& policy, Clock& clock, const std::function<double()>& random, std::stop_token stop,
           Action&& action, OnRetry&& on_retry) {
    for (int attempt = 1;; ++attempt) {
        try {
            return action(attempt);
        } catch (const Error& error) {
            if (error.kind != ErrorKind::transient || attempt >= policy.attempts) {
                throw;
            }
            const auto delay = delay_after(error, attempt, policy, random());
            on_retry(attempt, delay, error);
            if (!clock.sleep(delay, stop)) {
                throw stopped_error();
            }
        }
    }
}

}  // namespace bootwright
