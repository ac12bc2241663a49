#include "agent/announce/answer.hpp"

#include "common/base/retry.hpp"

#include <algorithm>
#include <chrono>

namespace bootwright {

Error unavailable(const WebResponse& response, const std::string& what) {
    constexpr std::chrono::seconds longest_wait{10};  // the run is over, and the next one may be due
    Error error = transient_error("announce.unavailable", what, "check the receiver, and its log for the reason");
    if (const auto wish = retry_after(response.headers)) {
        error.retry_after = std::min<std::chrono::milliseconds>(*wish, longest_wait);
    }
    return error;
}

std::string read_answer(const WebResponse& response) {
    constexpr int request_timeout = 408;
    constexpr int too_early = 425;
    constexpr int too_many_requests = 429;
    const std::string what = "HTTP status " + std::to_string(response.status);
    if (response.status >= 200 && response.status < 300) {
        return what;
    }
    if (response.status >= 500 || response.status == request_timeout || response.status == too_early ||
        response.status == too_many_requests) {
        throw unavailable(response, what);
    }
    const bool is_redirect = response.status >= 300 && response.status < 400;
    throw permanent_error("announce.refused", what + (is_redirect ? ": redirects are not followed" : ""),
                          "check the receiver's URL and the rights in `announce` of the role config");
}

}  // namespace bootwright
