#pragma once

#include "common/base/error.hpp"
#include "common/net/web.hpp"

#include <chrono>
#include <string>

namespace bootwright {

/// Knows whether libcurl is looking up a name, so that no server is blamed that nobody has asked yet.
class WebLookUp {
public:
    /// @param easy libcurl's handle, which calls this object until the transfer ends
    WebLookUp(void* easy, const WebTrust& trust);
    WebLookUp(const WebLookUp&) = delete;
    WebLookUp& operator=(const WebLookUp&) = delete;
    ~WebLookUp();

    [[nodiscard]] bool is_under_way() const { return is_under_way_; }

    /// server.unreachable (transient): the name was not looked up in that time.
    [[nodiscard]] Error too_late(const std::string& shown, std::chrono::milliseconds limit) const;
    /// The same: nobody knows the name.
    [[nodiscard]] Error not_found(const std::string& shown) const;

private:
    [[nodiscard]] Error error(const std::string& shown, const std::string& why) const;

    void* easy_;
    const WebTrust& trust_;
    bool is_under_way_ = false;
};

}  // namespace bootwright
