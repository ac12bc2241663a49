#include "common/base/version.hpp"
#include "agent/commands/commands.hpp"
#include "agent/commands/output.hpp"

#include <string>

namespace bootwright {

int version_command() {
    print_line("bootwright " + std::string(version));
    return exit_ok;
}

}  // namespace bootwright
