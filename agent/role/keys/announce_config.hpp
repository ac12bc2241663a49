#pragma once

#include "agent/role/keys/speaker.hpp"
#include "common/base/registered.hpp"
#include "common/documents/json.hpp"
#include "common/net/url.hpp"
#include "common/net/web.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bootwright {

struct News;  // agent/announce/announce.hpp

/// Somebody outside the machine who is told how its configuration came out.
struct Receiver {
    std::string name{};        ///< what may be shown of it: "https://hooks.example.com"; empty: nobody is told
    Url url{};                 ///< may be a secret; empty: the cloud's own address
    std::uint64_t target = 0;  ///< a hash of which one it is: after a change, the new one has not been told
    bool once = true;          ///< told once for an instance; else at each change, in each boot
    /// @throws Error if it cannot be told
    std::function<WebRequest(const News& news)> request{};
    /// Its answer in words, which hold nothing of its URL.
    /// @throws Error announce.unavailable (transient), announce.refused (permanent)
    std::function<std::string(const WebResponse& response)> read_answer{};
};

/// A key of a receiver. An image that makes demands takes it only from who may say what runs (KeyTrust::guarded).
struct GuardedPart {
    std::string_view name;  ///< "token_from"
    std::string_view why;   ///< Markdown, in one line
};

/// One kind of receiver. One file each, agent/announce/KIND_receiver.cpp, which registers it.
struct ReceiverKind {
    std::string_view key;      ///< "webhook"
    std::string_view meaning;  ///< who it is; Markdown, in one line
    std::string_view why;      ///< why anybody may name it; likewise
    std::string (*schema)();   ///< what may stand there, as JSON Schema
    std::vector<GuardedPart> guarded{};
    /// Reads the receiver that a layer of `speaker` names. Returns nullopt if the layer has no such key. A receiver
    /// without a name removes that of a lower layer.
    /// @throws Error with the document's code, naming line and key
    std::optional<Receiver> (*read)(ObjectReader& announce, Speaker speaker);
};

/// Who is told, and when.
struct AnnounceConfig {
    std::map<std::string, Receiver> receivers{};  ///< by the key of their kind
    /// After so long in a boot without being configured, a machine has failed, although the agent goes on.
    std::chrono::milliseconds failure_after = std::chrono::hours(1);
};

/// Reads the URL of a receiver: https only, since it may be the only proof of a right. Returns an empty one for "".
/// @param example what to write instead @throws Error with the document's code, which does not quote the text
Url read_receiver_url(const std::string& text, const std::string& key, const ObjectReader& reader,
                      const std::string& example);

}  // namespace bootwright
