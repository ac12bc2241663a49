#pragma once

#include "agent/config/system.hpp"

#include <string>
#include <vector>

namespace bootwright {

/// The machines that an operator names, each once, in that order.
/// @param words names as ssh takes them ("web-1", "root@10.0.0.7", "ssh://web-1:2222"), or patterns with * and ?, which mean
/// the names in the Host lines of the operator's and the machine's ssh_config
/// @param list a file with a name on each line; "-" is standard input, "" none
/// @throws UsageError for what is no name, and if there is none; Error io.*
std::vector<std::string> chosen_hosts(const System& system, const std::vector<std::string>& words,
                                      const std::string& list);

/// The names of such a list: the first word of each line. What begins with "#" or ";" is a comment. Headings of groups are
/// skipped, and so are Ansible's sections [NAME:vars] and [NAME:children]. @param called names it in an error
/// @throws UsageError
std::vector<std::string> hosts_of_list(const std::string& text, const std::string& called);

/// The names in the Host lines of ~/.ssh/config and /etc/ssh/ssh_config, and of what these include: without patterns.
/// @throws Error io.*
std::vector<std::string> hosts_of_ssh_config(const System& system);

}  // namespace bootwright
