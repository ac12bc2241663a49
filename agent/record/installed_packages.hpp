#pragma once

#include "agent/config/system.hpp"

#include <map>
#include <optional>
#include <string>

namespace bootwright {

/// The version of each package whose files are there, by its name: "curl", "libc6:i386" (of another architecture than
/// the machine's). If dpkg has not ended its work on it, the state follows: "1.2-3 half-configured".
using Packages = std::map<std::string, std::string>;

/// Reads the database of dpkg itself, since dpkg-query is a process more, and takes three times as long. Returns nullopt
/// if there is none, or if it is damaged or larger than 64 MiB; the log says which.
std::optional<Packages> installed_packages(const System& system);

/// Another text whenever that database is another one, without reading it. "": there is none.
std::string package_database_stamp(const System& system);

}  // namespace bootwright
