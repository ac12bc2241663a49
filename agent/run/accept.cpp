#include "agent/run/accept.hpp"

#include "agent/role/role_layers.hpp"
#include "common/base/error.hpp"
#include "common/files/file.hpp"

#include <cstddef>

namespace bootwright {

JsonDocument configuration_file(const RoleConfig::Configuration& wanted, const Checkout& checkout) {
    constexpr std::size_t largest_file = std::size_t{1} << 20U;
    const std::string origin = wanted.path + " of the configuration repository at " + checkout.revision;
    const auto text = read_file_below(checkout.folder, wanted.path, largest_file);
    if (!text) {
        throw permanent_error("role.no_configuration_file", "there is no file " + origin,
                              "correct configuration.path or configuration.revision of the role config");
    }
    return read_configuration_file(*text, origin);
}

}  // namespace bootwright
