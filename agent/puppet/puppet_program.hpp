#pragma once

#include "agent/config/config.hpp"
#include "agent/config/system.hpp"

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace bootwright {

/// The environment of every Puppet, but for proxies and hooks.
std::map<std::string, std::string> puppet_environment();

/// Puppet as it is installed.
struct PuppetProgram {
    std::filesystem::path path;

    /// Another way to start it: its own Ruby, with flags that spare it a sixth of its instructions. Empty if it is not
    /// as packages or RubyGems make it.
    std::filesystem::path ruby{};
    std::string gem{};                 ///< "puppet" or "openvox", if RubyGems installed it
    std::vector<std::string> flags{};  ///< of Ruby; in its arguments, since children would inherit RUBYOPT

    [[nodiscard]] bool is_known() const { return !ruby.empty(); }

    /// The arguments that start a script by that Ruby.
    [[nodiscard]] std::vector<std::string> by_ruby(const std::filesystem::path& script) const;
};

/// @throws Error puppet.not_installed (permanent)
PuppetProgram find_puppet(const System& system, const AgentConfig& config);

}  // namespace bootwright
