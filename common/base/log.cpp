#include "common/base/log.hpp"

#include "common/base/encoding.hpp"

#include <unistd.h>

#include <cstdlib>
#include <string>

namespace bootwright {

void log(LogLevel level, std::string_view message) {
    static const bool to_journal = std::getenv("JOURNAL_STREAM") != nullptr;
    std::string line = to_journal ? "<" + std::to_string(static_cast<int>(level)) + ">" : "bootwright: ";
    line += printable(message);
    line += '\n';
    // A log that cannot be written must not stop the machine from being configured.
    [[maybe_unused]] const auto written = write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace bootwright
