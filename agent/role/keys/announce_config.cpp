#include "agent/role/keys/announce_config.hpp"

#include "common/base/error.hpp"

namespace bootwright {

Url read_receiver_url(const std::string& text, const std::string& key, const ObjectReader& reader,
                      const std::string& example) {
    if (text.empty()) {
        return {};
    }
    const auto url = Url::parse(text);
    if (!url || url->scheme() != "https") {
        throw reader.error(key, "expected an https URL: " + Url::why_refused(text).value_or("its scheme is another"),
                           "write " + example);
    }
    if (url->has_credentials()) {
        throw reader.error(key, "a user and a password do not belong into this URL",
                           "leave them out; a web hook's token comes from `token_from`");
    }
    return *url;
}

}  // namespace bootwright
