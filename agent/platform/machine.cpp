#include "agent/platform/machine.hpp"

#include "agent/platform/container.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/files/file.hpp"
#include "common/files/volume.hpp"

#include <charconv>
#include <cstddef>
#include <cstdint>
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

/// Whether a device may hold a FAT file system that udev has made no link for. @param folder "/sys/class/block/vdb"
bool may_be_without_link(const System& system, const std::string& folder) {
    constexpr std::uint64_t smallest = 64;  // sectors; a floppy drive without a disk says 8
    constexpr std::uint64_t largest = std::uint64_t{1} << 20U;
    const std::string size = read_value(system, folder + "/size").value_or("");
    std::uint64_t sectors = 0;  // of 512 bytes, whatever the device's own are
    std::from_chars(size.data(), size.data() + size.size(), sectors);
    if (sectors < smallest || sectors >= largest) {
        return false;
    }
    constexpr std::size_t longest_record = 65536;
    const std::string record = "/run/udev/data/b" + read_value(system, folder + "/dev").value_or("");
    const auto known = read_file_start(system.path(record), longest_record);
    const std::string lines = "\n" + known.value_or("");
    return !known || (lines.find("\nE:ID_FS_TYPE=vfat\n") != std::string::npos &&
                      lines.find("\nE:ID_FS_LABEL=") == std::string::npos);
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

Evidence boot_sector_evidence(const System& system, std::string_view label, Rank rank) {
    const std::string folder = "/sys/class/block";
    Evidence evidence{folder, "the boot sector of a FAT volume is labelled " + std::string(label), "(no such volume)",
                      false, rank};
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(system.path(folder), error)) {
        const std::string name = entry.path().filename();
        const std::string device = "/dev/" + name;
        if (!may_be_without_link(system, folder + "/" + name)) {
            continue;
        }
        const auto found = fat_boot_label(system.path(device));
        const bool is_first = !evidence.matched || device < evidence.path;  // a folder has no order of its own
        if (found && lower(*found) == lower(label) && is_first) {
            evidence.path = device;
            evidence.seen = *found;
            evidence.matched = true;
        }
    }
    return evidence;
}

Evidence label_evidence(const System& system, std::string_view label, Rank rank) {
    return presence_evidence(system, "/dev/disk/by-label/" + std::string(label),
                             "a volume is labelled " + std::string(label), rank);
}

}  // namespace bootwright
