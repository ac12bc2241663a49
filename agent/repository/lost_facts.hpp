#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace bootwright {

/// The external facts of the checkout's modules that are programs (facts.d/NAME, executable), by their path in the
/// checkout. Facter reads .json, .txt, .yaml and .yml, and runs the others
/// (https://www.puppet.com/docs/puppet/8/external_facts).
std::vector<std::string> programs_of_facts(const std::filesystem::path& checkout);

/// The warning for a checkout on a mount that is noexec: Facter leaves out each program there, and says nothing. Returns
/// nullopt if no fact is lost.
std::optional<std::string> warning_of_lost_facts(const std::filesystem::path& checkout);

}  // namespace bootwright
