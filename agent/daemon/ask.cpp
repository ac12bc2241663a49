#include "agent/daemon/ask.hpp"

#include "agent/record/status_file.hpp"
#include "common/base/error.hpp"
#include "common/base/log.hpp"
#include "common/files/file.hpp"
#include "common/processes/process_tree.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <filesystem>

namespace bootwright {

namespace {

std::filesystem::path asked_file(const System& system) { return system.runtime() / "asked.json"; }

Error not_running() {
    return permanent_error("daemon.not_running", "no bootwright daemon is running on this machine",
                           "start it (`systemctl start bootwright`), which begins with a run; or run without it: "
                           "`bootwright run`");
}

}  // namespace

ProcessId ask_for_run(const System& system, const std::string& by) {
    const Json daemon = StatusFile(system).read().value("daemon", Json());
    const ProcessId process = process_in(daemon);
    // By number: the functions of glibc 2.36 cannot be called from C++.
    const UniqueFd handle(process.pid > 0 ? static_cast<int>(syscall(SYS_pidfd_open, process.pid, 0)) : -1);
    // Looked at once it is held: another process cannot have come in its place any more.
    if (!handle || string_at(daemon, "state") == "stopped" || !is_running(process)) {
        throw not_running();
    }
    write_file(asked_file(system), to_text({{"by", by}}), 0600);
    if (syscall(SYS_pidfd_send_signal, handle.get(), SIGHUP, nullptr, 0) != 0) {
        const int why = errno;
        remove_tree(asked_file(system));
        throw why == ESRCH ? not_running() : system_call_error("signal", "the daemon", why);
    }
    return process;
}

std::string who_asked(const System& system) {
    constexpr std::size_t largest = 4096;
    try {
        const std::string by = string_at(parse_json(read_or_empty(asked_file(system), largest)), "by");
        remove_tree(asked_file(system));
        return by;
    } catch (const Error& error) {
        log(LogLevel::warning, error.message);
        return "";
    }
}

}  // namespace bootwright
