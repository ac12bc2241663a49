#include "agent/platform/machine.hpp"

#include "agent/platform/container.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/files/file.hpp"

#include <cstddef>
#include <filesystem>
#include <functional>
#include <system_error>
#include <vector>

namespace bootwright {

namespace {

constexpr std::size_t largest_value = 4096;

Evidence dmi_evidence(const System& system, std::string_view field, const std::string& rule, Rank rank,
                      const std::function<bool(std::string_view)>& matches) {
    return file_evidence(system, "/sys/class/dmi/id/" + std::string(field), std::string(field) + " " + rule, matches,
                         rank);
}

}  // namespace

std::optional<std::string> read_value(const System& system, std::string_view path) {
    try {
        const auto content = read_file_if_exists(system.path(path), largest_value);
        return content ? std::optional<std::string>(trimmed(*content)) : std::nullopt;
    } catch (const Error&) {
        return std::nullopt;  // unreadable counts as missing: detection goes on with the next rule
    }
}

std::optional<std::string> kernel_parameter(const System& system, std::string_view name) {
    if (container(system)) {
        return std::nullopt;
    }
    // Reads it as the kernel does: a part between double quotes may hold spaces, and the quotes do not count.
    std::vector<std::string> words(1);
    bool is_quoted = false;
    for (const char c : read_value(system, "/proc/cmdline").value_or("")) {
        if (c == '"') {
            is_quoted = !is_quoted;
        } else if (c == ' ' && !is_quoted) {
            words.emplace_back();
        } else {
            words.back() += c;
        }
    }
    for (const std::string& word : words) {
        if (word.starts_with(std::string(name) + "=")) {
            return word.substr(name.size() + 1);
        }
    }
    return std::nullopt;
}

std::string machine_id(const System& system) {
    const auto id = read_value(system, "/etc/machine-id");
    if (!id || id->empty() || *id == "uninitialized") {
        throw transient_error("platform.no_identity", "this machine has no /etc/machine-id, so nothing identifies it",
                              "run systemd-machine-id-setup, or let the platform give an instance id");
    }
    return *id;
}

Evidence presence_evidence(const System& system, std::string path, std::string rule, Rank rank) {
    std::error_code error;
    const bool is_there = std::filesystem::exists(system.path(path), error);
    return {std::move(path), std::move(rule), is_there ? "there" : "(no such file)", is_there, rank};
}

Evidence dmi_is(const System& system, std::string_view field, std::string_view wanted, Rank rank) {
    return dmi_evidence(system, field, "is " + std::string(wanted), rank,
                        [&](std::string_view value) { return value == wanted; });
}

Evidence dmi_starts_with(const System& system, std::string_view field, std::string_view wanted, Rank rank) {
    return dmi_evidence(system, field, "starts with " + std::string(wanted), rank,
                        [&](std::string_view value) { return value.starts_with(wanted); });
}

Evidence dmi_ends_with(const System& system, std::string_view field, std::string_view wanted) {
    return dmi_evidence(system, field, "ends with " + std::string(wanted), Rank::hardware,
                        [&](std::string_view value) { return value.ends_with(wanted); });
}

Evidence label_evidence(const System& system, std::string_view label, Rank rank) {
    return presence_evidence(system, "/dev/disk/by-label/" + std::string(label),
                             "a volume is labelled " + std::string(label), rank);
}

}  // namespace bootwright
