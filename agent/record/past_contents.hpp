#pragma once

#include "agent/config/system.hpp"
#include "common/documents/json.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace bootwright {

// What runs went by and applied: JSON documents, packed by gzip, in /var/lib/bootwright/past (0700). Each is there once,
// however many runs had the same: its name is the SHA-256 of its file.

/// Keeps `document` and returns its name. The values of `data`, and those whose names speak of a secret, become digests,
/// which tell whether two are the same on this machine, and nothing else. @throws Error io.*
std::string keep_document(const System& system, const Json& document);

/// Keeps `document`, in which nothing can be a secret, and returns its name. @throws Error io.*
std::string keep_as_it_is(const System& system, const Json& document);

/// Keeps the gzip file as a second name of the same file, and returns its name there. Returns "" if there is no such file.
/// @throws Error io.*
std::string keep_packed(const System& system, const std::filesystem::path& file);

/// Returns nullopt if it is not kept any more, or is damaged.
std::optional<Json> read_kept(const System& system, const std::string& name);

/// Whether it is there, without reading it.
bool is_kept(const System& system, const std::string& name);

/// Removes what `names`, the last used first, does not hold or what is beyond `most_bytes` together. @throws Error io.*
void thin_out(const System& system, const std::vector<std::string>& names, std::uint64_t most_bytes);

/// The bytes of all together.
std::uint64_t kept_bytes(const System& system);

}  // namespace bootwright
