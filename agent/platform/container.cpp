#include "agent/platform/container.hpp"

#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/files/file.hpp"

#include <cstddef>
#include <filesystem>
#include <string_view>
#include <system_error>

namespace bootwright {

namespace {

bool exists(const System& system, std::string_view path) {
    std::error_code error;
    return std::filesystem::exists(system.path(path), error);
}

/// Returns nullopt for what is not there, or cannot be read: an operator's command without root's rights goes on.
std::optional<std::string> start_of(const System& system, std::string_view path) {
    constexpr std::size_t longest = 65536;
    try {
        return read_file_start(system.path(path), longest);
    } catch (const Error&) {
        return std::nullopt;
    }
}

/// What process 1 was started with. Its values may be secrets: none but the container manager's word is kept.
std::optional<std::string> said_by_process_1(const System& system) {
    constexpr std::string_view manager = "container=";
    constexpr std::string_view kubernetes = "KUBERNETES_SERVICE_HOST=";
    const auto environment = start_of(system, "/proc/1/environ");
    for (const std::string& variable : split(environment.value_or(""), '\0')) {
        if (variable.starts_with(manager) && variable.size() > manager.size()) {
            return shortened(variable.substr(manager.size()), 40);
        }
        if (variable.starts_with(kubernetes)) {
            return "kubernetes";
        }
    }
    return std::nullopt;
}

}  // namespace

std::optional<std::string> container(const System& system) {
    for (const char* file : {"/run/systemd/container", "/run/host/container-manager"}) {
        if (const auto manager = start_of(system, file)) {
            return std::string(file) + " says " + shortened(trimmed(*manager), 40);
        }
    }
    for (const char* sign : {"/run/host/container-uuid", "/run/host/os-release", "/run/.containerenv"}) {
        if (exists(system, sign)) {
            return std::string(sign) + " is there";
        }
    }
    if (const auto manager = said_by_process_1(system)) {
        return "process 1 was started by " + *manager;
    }
    // A file on disk stays if a container's image becomes a machine's. A systemd that has booted would have said it above.
    if (exists(system, "/.dockerenv") && !exists(system, "/run/systemd/system")) {
        return "/.dockerenv is there";
    }
    return std::nullopt;
}

}  // namespace bootwright
