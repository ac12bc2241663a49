#include "agent/role/announce_config.hpp"

#include "common/base/error.hpp"

#include <utility>

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

void read_announce(AnnounceConfig& announce, ObjectReader reader, Speaker speaker) {
    for (const ReceiverKind* kind : Registered<ReceiverKind>::all()) {
        auto receiver = kind->read(reader, speaker);
        if (!receiver) {
            continue;
        }
        announce.receivers.erase(std::string(kind->key));
        if (!receiver->name.empty()) {
            announce.receivers.emplace(kind->key, std::move(*receiver));
        }
    }
    if (const auto after = reader.duration("failure_after")) {
        if (*after < std::chrono::minutes(1)) {
            throw reader.error("failure_after", "shorter than a minute", "write at least \"1m\"");
        }
        announce.failure_after = *after;
    }
    reader.finish();
}

}  // namespace bootwright
