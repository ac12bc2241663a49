#pragma once

#include <string>

namespace bootwright {

// Scripts that complete a command line, made from the table of commands. What only the machine knows (its runs) they ask
// `bootwright complete` for.

std::string bash_completion();
std::string zsh_completion();
std::string fish_completion();

}  // namespace bootwright
