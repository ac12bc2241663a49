#include "common/version.hpp"
#include "agent/commands/commands.hpp"

#include <iostream>

namespace bootwright {

int version_command() {
    std::cout << "bootwright " << version << '\n';
    return exit_ok;
}

}  // namespace bootwright
