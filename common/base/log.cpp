#include "common/base/log.hpp"

#include "common/base/encoding.hpp"
#include "common/base/journal.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <mutex>
#include <string>

namespace bootwright {

namespace {

/// What the lines are of.
struct Subject {
    std::string run{};
    std::string stage{};
};

std::mutex subject_mutex;
Subject the_subject;  // NOLINT(cppcoreguidelines-avoid-non-const-global-variables): the log is one for the process

Subject subject() {
    const std::lock_guard lock(subject_mutex);
    return the_subject;
}

bool reaches_journal(const std::string& level, const std::string& text, const std::string& code) {
    const Subject of = subject();
    JournalFields fields{{"PRIORITY", level}, {"SYSLOG_IDENTIFIER", "bootwright"}, {"MESSAGE", text}};
    const JournalFields known{{"BOOTWRIGHT_RUN", of.run}, {"BOOTWRIGHT_STAGE", of.stage}, {"BOOTWRIGHT_CODE", code}};
    for (const auto& field : known) {
        if (!field.second.empty()) {
            fields.push_back(field);
        }
    }
    return send_to_journal(journal_socket, fields);
}

}  // namespace

void log(LogLevel level, std::string_view message, std::string_view code) {
    static const bool to_journal = is_journal_stream(STDERR_FILENO, std::getenv("JOURNAL_STREAM"));
    const std::string text = printable(message);
    const std::string number = std::to_string(static_cast<int>(level));
    // A log that cannot be written must not stop the machine from being configured.
    if (!to_journal) {
        const std::string line = "bootwright: " + text + "\n";
        [[maybe_unused]] const auto written = write(STDERR_FILENO, line.data(), line.size());
    } else if (!reaches_journal(number, text, printable(code))) {
        const std::string line = "<" + number + ">" + text + "\n";  // sd-daemon(3)
        send(STDERR_FILENO, line.data(), line.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    }
}

void log_is_of(int run, std::string_view stage) {
    const std::lock_guard lock(subject_mutex);
    the_subject = {run > 0 ? std::to_string(run) : "", std::string(stage)};
}

}  // namespace bootwright
