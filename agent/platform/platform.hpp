#pragma once

#include "agent/config.hpp"
#include "agent/platform/instance_metadata.hpp"
#include "agent/system.hpp"
#include "common/error.hpp"
#include "common/http.hpp"

#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bootwright {

/// One detection rule as it was applied: what was read, what was seen there, and the verdict.
struct Evidence {
    std::string rule;  ///< "sys_vendor is Amazon EC2"
    std::string seen;  ///< "QEMU", "(no such file)"
    bool matched = false;
};

/// Where on the ladder of detection a platform stands: what was put there on purpose wins over what the hardware says.
enum class Precedence { given, cloud, last_resort };

/// Port: a cloud, or another place that says who this instance is. One file each; a static Registration makes it known.
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

    /// @throws Error platform.* or http.*: what could not be read is never taken for absent
    [[nodiscard]] virtual InstanceMetadata read(const System& system, const AgentConfig& config,
                                                std::stop_token stop) const = 0;
};

/// Makes a platform known to the program; define one per platform file, at namespace scope.
struct Registration {
    explicit Registration(const Platform& platform);
};

/// All registered platforms, by precedence, then by name.
std::vector<const Platform*> platforms();

/// The platform that configuration, kernel command line or detection chose, in this order.
/// @throws Error platform.unknown_name (permanent), platform.not_recognised (transient: labels may appear late), which
/// names every rule and what it saw
const Platform& find_platform(const System& system, const AgentConfig& config);

/// The platform stage: finds the platform and reads the instance's metadata.
InstanceMetadata read_instance_metadata(const System& system, const AgentConfig& config, std::stop_token stop);

// What platforms share.

/// The three-valued fetch: the body where the service has it; nothing where the service answers that there is none (404
/// or 204); every other answer is unknown, and throws.
/// @throws Error platform.unexpected_answer (transient; with Retry-After; 401 has the code platform.token_refused), http.*
std::optional<std::string> fetch(const System& system, const HttpRequest& request, std::stop_token stop);

/// The error for an answer that is neither present nor absent, with the service's own wish for the next try.
Error unexpected_answer(const HttpRequest& request, const HttpResponse& response);

/// A small file below the root, trimmed: nothing where it is not there or cannot be read.
std::optional<std::string> read_value(const System& system, std::string_view path);

/// Evidence from one file: `matches` is asked about its trimmed content.
template <typename Matches>
Evidence file_evidence(const System& system, std::string_view path, std::string rule, Matches matches) {
    const auto value = read_value(system, path);
    return {std::move(rule), value.value_or("(no such file)"), value && matches(*value)};
}

/// The value of `name=` on the kernel command line.
std::optional<std::string> kernel_parameter(const System& system, std::string_view name);

/// The role config's size limit, and so that of user-data; clouds allow 16 to 256 KiB.
inline constexpr std::size_t largest_user_data = std::size_t{1} << 20U;

/// An identity for a machine without a cloud: its machine-id. @throws Error platform.no_identity
std::string machine_id(const System& system);

}  // namespace bootwright
