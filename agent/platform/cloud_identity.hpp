#pragma once

#include <string>

namespace bootwright {

/// Proves to the cloud's services who the instance is. The metadata service gives it; it is short-lived, and secret.
struct CloudIdentity {
    // Amazon's services want a signature made with these:
    std::string access_key{};
    std::string secret_key{};
    std::string session_token{};
    std::string region{};
    // Google's and Microsoft's want this:
    std::string bearer_token{};
};

/// What an identity is for: Microsoft gives a token for each.
enum class CloudService { object_store, secret_store, auto_scaling };

}  // namespace bootwright
