#pragma once

#include "agent/config/config.hpp"
#include "agent/config/system.hpp"
#include "agent/platform/cloud_identity.hpp"
#include "agent/platform/instance_metadata.hpp"
#include "common/base/error.hpp"
#include "common/base/registered.hpp"
#include "common/base/retry.hpp"
#include "common/net/http.hpp"

#include <chrono>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bootwright {

/// One detection rule as it was applied: what was read, what was seen there, and the verdict.
struct Evidence {
    std::string path;  ///< the file that was read, below the root
    std::string rule;  ///< "sys_vendor is Hetzner"
    std::string seen;  ///< "QEMU", "(no such file)"
    bool matched = false;
};

/// Where on the ladder of detection a platform stands: what was put there on purpose wins over what the hardware says.
enum class Precedence { given, cloud, last_resort };

/// The cloud's word that it is about to stop this instance.
struct StopNotice {
    std::string why;   ///< "a spot interruption (terminate)"
    std::string at{};  ///< when, as the cloud writes it; "": soon
};

/// Port: a cloud, or another place that says who this instance is. One file each.
class Platform {
public:
    Platform() = default;
    Platform(const Platform&) = delete;
    Platform& operator=(const Platform&) = delete;
    virtual ~Platform() = default;

    [[nodiscard]] virtual std::string_view name() const = 0;
    [[nodiscard]] virtual Precedence precedence() const = 0;

    /// Looks at files only: no network, no waiting. The platform is recognised if any rule matched.
    [[nodiscard]] virtual std::vector<Evidence> detect(const System& system, const AgentConfig& config) const = 0;

    /// For a machine that no rule recognised: a request whose answer, if `proves` takes it, can come from this cloud only.
    [[nodiscard]] virtual std::optional<HttpRequest> probe(const System&) const { return std::nullopt; }
    [[nodiscard]] virtual bool proves(const HttpResponse&) const { return false; }

    /// How patiently the instance's metadata is read, unless the image's configuration says otherwise.
    [[nodiscard]] virtual RetryPolicy retry_policy() const { return AgentConfig::Retry::usual_platform; }

    /// @throws Error platform.* or http.*: what could not be read is never taken for absent
    [[nodiscard]] virtual InstanceMetadata read(const System& system, const AgentConfig& config,
                                                std::stop_token stop) const = 0;

    /// What the cloud gave this instance to prove itself to the cloud's own services. Returns nullopt on a platform that gives
    /// no such thing. It is a secret: read() never asks for it, and a capture does not hold it.
    /// @throws Error platform.no_identity_role (permanent) where the instance might have one, and has none; and as read
    [[nodiscard]] virtual std::optional<CloudIdentity> identity(const System&, const AgentConfig&, CloudService,
                                                                std::stop_token) const {
        return std::nullopt;
    }

    /// The platform's signed word for who this instance is, made out to `audience` ("https://HOST[:PORT]"): a bearer token.
    /// Returns nullopt on a platform that gives none. @throws Error as identity
    [[nodiscard]] virtual std::optional<std::string> identity_token(const System&, const AgentConfig&,
                                                                    const std::string& audience,
                                                                    std::stop_token) const {
        static_cast<void>(audience);
        return std::nullopt;
    }

    /// The cloud's notice that it will take this instance away soon. Returns nullopt if there is none, or the platform gives no
    /// such notice.
    /// @throws Error http.*, platform.*: then it is not known
    [[nodiscard]] virtual std::optional<StopNotice> stop_notice(const System&, const AgentConfig&,
                                                                std::stop_token) const {
        return std::nullopt;
    }

    /// Returns after `limit`, or earlier when the platform says that the instance's metadata may have changed. `cursor` is
    /// the platform's own, kept from call to call, and empty in the first. @throws Error http.*, platform.*, stopped
    virtual void wait_for_change(const System& system, const AgentConfig& config, std::chrono::milliseconds limit,
                                 std::string& cursor, std::stop_token stop) const;
};

/// All registered platforms, by precedence, then by name.
std::vector<const Platform*> platforms();

/// How the platform was found, or why not.
struct Detection {
    struct Applied {
        const Platform* platform = nullptr;
        Evidence evidence{};
    };
    struct Probed {
        const Platform* platform = nullptr;
        std::string request;  ///< "GET http://169.254.169.254/…"
        std::string seen;     ///< "HTTP status 404", the reason why there was no answer
    };
    const Platform* platform = nullptr;  ///< nothing where nobody recognised this machine
    std::string chosen_by{};             ///< "the kernel command line", "detection"
    std::vector<Applied> rules{};        ///< of all platforms, in the order in which they count
    std::vector<Probed> probes{};        ///< of a machine that no rule recognised
};

/// The kernel command line wins over the image's configuration, and that over the rules, which need no network. Where none
/// matches, the clouds that can prove themselves are asked, all at once.
/// @throws Error platform.unknown_name (permanent); stopped
Detection detect_platform(const System& system, const AgentConfig& config, std::stop_token stop);

/// platform.not_recognised (transient: labels may appear late), which names every rule and what it saw.
Error not_recognised(const Detection& detection);

/// @throws Error platform.not_recognised; and as detect_platform
const Platform& find_platform(const System& system, const AgentConfig& config, std::stop_token stop);

/// Asks for a notice that the instance is about to be stopped: what would be cut off is better not begun. A question that is
/// not answered within two seconds is no notice.
/// @throws Error platform.going_away, of the kind stopped, with the time after which to look again; stopped
void check_not_going_away(const Platform& platform, const System& system, const AgentConfig& config,
                          std::stop_token stop);

// What platforms share; the metadata services over HTTP have metadata_service.hpp besides.

/// A small file below the root, trimmed. Returns nullopt if it is not there, or cannot be read.
std::optional<std::string> read_value(const System& system, std::string_view path);

/// Evidence from one file: `matches` is asked about its trimmed content.
template <typename Matches>
Evidence file_evidence(const System& system, std::string path, std::string rule, Matches matches) {
    const auto value = read_value(system, path);
    return {std::move(path), std::move(rule), value.value_or("(no such file)"), value && matches(*value)};
}

/// Evidence from /sys/class/dmi/id/`field`, where the hypervisor says who it is: equal to `wanted`, or beginning with it.
Evidence dmi_is(const System& system, std::string_view field, std::string_view wanted);
Evidence dmi_starts_with(const System& system, std::string_view field, std::string_view wanted);

/// Evidence from a file system's label; udev makes the link, so early in the boot it may still be missing.
Evidence label_evidence(const System& system, std::string_view label);

/// The value of `name=` on the kernel command line.
std::optional<std::string> kernel_parameter(const System& system, std::string_view name);

/// The role config's size limit, and so that of user-data; clouds allow 16 to 256 KiB.
inline constexpr std::size_t largest_user_data = std::size_t{1} << 20U;

/// An identity for a machine without a cloud: its machine-id. @throws Error platform.no_identity
std::string machine_id(const System& system);

/// A value of a document as text: a string as it is, a number as written; "" for anything else.
std::string text_at(const Json& object, const char* key);

/// The object or list at a JSON pointer ("/network/interface"), or an empty one.
const Json& object_at(const Json& document, const std::string& pointer);
const Json& list_at(const Json& document, const std::string& pointer);

/// The string at `key`, if there is one: null, and what is no string, is none.
std::optional<std::string> string_if_there(const Json& object, const char* key);

/// The instance id in a document, which `called` names in the error. @throws Error platform.bad_document (transient)
std::string required_id(const Json& document, const char* key, const std::string& called);

/// True for [A-Za-z0-9._:-]+ of at most 100 characters: what comes from outside and is to stand in a URL.
bool is_word(std::string_view text);

/// `text` where is_word() takes it, else "": what a cloud wrote and is to be shown.
std::string word_or_nothing(const std::string& text);

/// Appends an address, unless it is "" or there already.
void keep_address(std::vector<std::string>& addresses, const std::string& address);

/// Decodes the user-data of a platform that wants it in base64. Returns it as it is if it is no base64.
std::string decoded_user_data(std::string text);

/// Keeps the tags of a document: an object of names and values, or a list of words. A word "name=value" or
/// "bootwright:name:value" is taken apart.
void add_tags(InstanceMetadata& metadata, const Json& tags);

}  // namespace bootwright
