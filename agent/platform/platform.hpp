#pragma once

#include "agent/config/config.hpp"
#include "agent/config/system.hpp"
#include "agent/platform/cloud_identity.hpp"
#include "agent/platform/instance_metadata.hpp"
#include "common/base/registered.hpp"
#include "common/base/retry.hpp"
#include "common/net/http.hpp"

#include <chrono>
#include <cstddef>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace bootwright {

/// How explicit it is what a rule finds, the most explicit first: of two rules that match, the earlier one decides.
/// docs/platforms.md says it for people.
enum class Rank {
    kernel_line,           ///< named at this very boot
    kernel_line_url,       ///< by the URL of a document, which names it
    image,                 ///< named by the image's configuration
    credential,            ///< a role config that was handed over
    role_file,             ///< one that was put on the disk
    seed_folder,           ///< a seed on the disk
    seed_of_machine,       ///< one that was attached to the machine: a volume, a serial number
    installer,             ///< what an installer wrote of the service that had the machine installed
    guest_socket,          ///< the container manager's own
    seed_of_template,      ///< a seed that it wrote when it made the guest, and that may be out of date
    guest_port,            ///< the virtual machine's side of it, before its socket is there
    hardware,              ///< a cloud with a metadata service
    drive,                 ///< a config drive, which a cloud may attach beside its service
    context_volume,        ///< OpenNebula's drive, all that it has
    hardware_after_drive,  ///< a cloud that means its drive where it attaches one
};

/// One detection rule as it was applied: what was read, what was seen there, and the verdict.
struct Evidence {
    std::string path;  ///< the file that was read, below the root
    std::string rule;  ///< "sys_vendor is Hetzner"
    std::string seen;  ///< "QEMU", "(no such file)"
    bool matched = false;
    Rank rank = Rank::hardware;
};

/// The cloud's word that it is about to stop this instance.
struct StopNotice {
    std::string why;   ///< "a spot interruption (terminate)"
    std::string at{};  ///< when, as the cloud writes it; "": soon
};

/// On what terms a platform takes user-data, for whoever writes it.
struct UserDataTerms {
    std::size_t largest = 0;        ///< in bytes; 0: the vendor names no limit
    bool counts_base64 = false;     ///< whether these are the bytes of its base64
    std::string_view source{};      ///< the vendor's page that names the limit
    std::string_view place{};       ///< where it has to be put, if that is not clear
    bool is_for_cloud_init = true;  ///< whether cloud-init on the same instance reads it, too
};

/// Port: a cloud, or another place that says who this instance is. One file each.
class Platform {
public:
    Platform() = default;
    Platform(const Platform&) = delete;
    Platform& operator=(const Platform&) = delete;
    virtual ~Platform() = default;

    [[nodiscard]] virtual std::string_view name() const = 0;

    /// Looks at files only: no network, no waiting. The platform is recognised if any rule matched.
    [[nodiscard]] virtual std::vector<Evidence> detect(const System& system, const AgentConfig& config) const = 0;

    /// True if it says what the instance is to become, and a rule of this rank knows better which instance it is.
    [[nodiscard]] virtual bool leaves_identity_to(Rank) const { return false; }

    /// For a machine that no rule recognised: a request whose answer is this cloud's if `proves` takes it.
    [[nodiscard]] virtual std::optional<HttpRequest> probe(const System&) const { return std::nullopt; }
    [[nodiscard]] virtual bool proves(const HttpResponse&) const { return false; }

    /// How patiently the instance's metadata is read, unless the image's configuration says otherwise.
    [[nodiscard]] virtual RetryPolicy retry_policy() const { return AgentConfig::Retry::usual_platform; }

    /// @throws Error platform.* or http.*: what could not be read is never taken for absent
    [[nodiscard]] virtual InstanceMetadata read(const System& system, const AgentConfig& config,
                                                std::stop_token stop) const = 0;

    [[nodiscard]] virtual UserDataTerms user_data_terms() const { return {}; }

    /// What the cloud gave this instance to prove itself to the cloud's own services. Returns nullopt on a platform that gives
    /// no such thing. It is a secret: read() never asks for it, and a capture does not hold it.
    /// @throws Error platform.no_identity_role (permanent) if the instance might have one, and has none; and as read
    [[nodiscard]] virtual std::optional<CloudIdentity> identity(const System&, const AgentConfig&, CloudService,
                                                                std::stop_token) const {
        return std::nullopt;
    }

    /// A bearer token: the platform's signed proof of who this instance is, for `audience` ("https://HOST[:PORT]").
    /// Returns nullopt on a platform that gives none. @throws Error as identity
    [[nodiscard]] virtual std::optional<std::string> identity_token(const System&, const AgentConfig&,
                                                                    const std::string& audience,
                                                                    std::stop_token) const {
        static_cast<void>(audience);
        return std::nullopt;
    }

    /// The cloud's notice that it will take this instance away soon. Returns nullopt if there is none, or the platform gives no
    /// such notice.
    /// @throws Error http.*, platform.* if it cannot be known
    [[nodiscard]] virtual std::optional<StopNotice> stop_notice(const System&, const AgentConfig&,
                                                                std::stop_token) const {
        return std::nullopt;
    }

    /// Returns after `limit`, or earlier when the platform says that the instance's metadata may have changed. `cursor`
    /// is the platform's own, kept from call to call, empty in the first. @throws Error http.*, platform.*, stopped
    virtual void wait_for_change(const System& system, const AgentConfig& config, std::chrono::milliseconds limit,
                                 std::string& cursor, std::stop_token stop) const;
};

/// All registered platforms, by name.
std::vector<const Platform*> platforms();

}  // namespace bootwright
