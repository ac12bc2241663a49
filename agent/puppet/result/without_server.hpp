#pragma once

#include "agent/puppet/result/puppet_log.hpp"

#include <string>
#include <vector>

namespace bootwright {

// PuppetDB keeps what machines export for each other, and their facts. Only a Puppet server has one. Without it, Puppet passes
// over exported resources and their collectors, and a function that asks it fails.

/// True for Puppet's remark on an exported resource or a collector of them.
/// https://github.com/puppetlabs/puppet/blob/7.23.0/lib/puppet/pops/issues.rb: RT_NO_STORECONFIGS, RT_NO_STORECONFIGS_EXPORT
bool needs_server(const LogEntry& entry);

/// What these remarks come to: at most one warning each of exported resources and of their collectors, with the places in the
/// manifests.
std::vector<std::string> warnings_without_server(const std::vector<LogEntry>& entries);

/// True if a compile error comes from a function that asks PuppetDB. @param reason Puppet's words
bool asks_puppetdb(const std::string& reason);

/// What people do instead.
inline constexpr const char* advice_without_server =
    "only a Puppet server has PuppetDB: write into data what machines are to know of each other (docs/moving.md, "
    "\"Exported resources and PuppetDB\")";

}  // namespace bootwright
