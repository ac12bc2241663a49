#pragma once

#include "agent/config/system.hpp"
#include "agent/platform/platform.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace bootwright {

// What platforms read of the machine itself: only files, without network or waiting.

/// A small file below the root, trimmed. Returns nullopt if it is not there, or cannot be read.
std::optional<std::string> read_value(const System& system, std::string_view path);

/// Evidence from one file: `matches` is asked about its trimmed content.
template <typename Matches>
Evidence file_evidence(const System& system, std::string path, std::string rule, Matches matches,
                       Rank rank = Rank::hardware) {
    const auto value = read_value(system, path);
    return {std::move(path), std::move(rule), value.value_or("(no such file)"), value && matches(*value), rank};
}

/// Evidence from the presence of a file of any kind.
Evidence presence_evidence(const System& system, std::string path, std::string rule, Rank rank);

/// Evidence from /sys/class/dmi/id/`field`, where the hypervisor says who it is: equal to `wanted`, or beginning or ending
/// with it.
Evidence dmi_is(const System& system, std::string_view field, std::string_view wanted, Rank rank = Rank::hardware);
Evidence dmi_starts_with(const System& system, std::string_view field, std::string_view wanted,
                         Rank rank = Rank::hardware);
Evidence dmi_ends_with(const System& system, std::string_view field, std::string_view wanted);

/// Evidence from a file system's label; udev makes the link, so early in the boot it may still be missing.
Evidence label_evidence(const System& system, std::string_view label, Rank rank);

/// Evidence from a label, in any case, that only the boot sector of a FAT file system holds: udev makes no link for it. Its path is
/// the device. What udev knows is believed: only a volume that it found to be vfat without a label is read, or one of
/// which it says nothing; and none of 512 MiB or more, which no seed has.
Evidence boot_sector_evidence(const System& system, std::string_view label, Rank rank);

/// The value of `name=` on the kernel command line. A container has none of its own.
std::optional<std::string> kernel_parameter(const System& system, std::string_view name);

/// An identity for a machine without a cloud: its machine-id. @throws Error platform.no_identity
std::string machine_id(const System& system);

}  // namespace bootwright
