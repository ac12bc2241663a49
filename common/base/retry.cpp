#include "common/base/retry.hpp"

#include <algorithm>
#include <charconv>
#include <system_error>

namespace bootwright {

std::chrono::milliseconds backoff_delay(int attempt, const RetryPolicy& policy, double random) {
    auto bound = policy.base;
    for (int i = 1; i < attempt && bound < policy.cap; ++i) {
        bound *= 2;
    }
    bound = std::min(bound, policy.cap);
    return std::chrono::milliseconds(static_cast<long long>(static_cast<double>(bound.count()) * random));
}

std::chrono::milliseconds delay_after(const Error& error, int attempt, const RetryPolicy& policy, double random) {
    constexpr std::chrono::milliseconds longest_wish = std::chrono::minutes(10);
    const auto wish = std::min(error.retry_after.value_or(std::chrono::milliseconds(0)), longest_wish);
    return std::max(backoff_delay(attempt, policy, random), wish);
}

std::optional<std::chrono::milliseconds> retry_after(const std::map<std::string, std::string>& headers) {
    const auto header = headers.find("retry-after");
    if (header == headers.end()) {
        return std::nullopt;
    }
    const std::string& text = header->second;
    int seconds = 0;
    const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    const bool is_number = status == std::errc() && end == text.data() + text.size() && seconds >= 0;
    return is_number ? std::optional<std::chrono::milliseconds>(std::chrono::seconds(seconds)) : std::nullopt;
}

}  // namespace bootwright
