#pragma once

#include <map>
#include <string>
#include <string_view>

namespace bootwright {

/// The variables of a context.sh by name, where the last of a name counts. It is a list of assignments for a shell, and is read
/// without one: nothing is expanded or executed. What OpenNebula writes is NAME='value', in which \' between two quotes stands for a
/// quote, and lines of comment. NAME=word and NAME="text" are read, too, since other tools write them; what a shell would expand
/// there is refused.
/// https://github.com/OpenNebula/one/blob/master/src/vm/VirtualMachineContext.cc (generate_context)
/// @throws Error platform.bad_document (transient: the volume may be being written), which names the line and quotes no value
std::map<std::string, std::string> parse_context_variables(std::string_view text);

/// The same as text that is read as the same variables.
std::string context_text(const std::map<std::string, std::string>& variables);

}  // namespace bootwright
