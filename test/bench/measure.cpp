// measure PROGRAM [ARGUMENT…]: runs the program and prints, as JSON, what the kernel says of it and of all that it waited
// for. A program of its own, as small as can be: the peak memory of a child counts from the process that it was forked
// from, and from Python that would be 13 MiB.

#include <poll.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fcntl.h>

#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>

namespace {

/// The process itself, without its children; the last look is at most 5 ms before its end.
struct Own {
    std::map<std::string, unsigned long long> cpu_ns{};  // of each thread
    unsigned long long peak_kib = 0;

    void look(const std::string& process) {
        std::error_code gone;
        for (const auto& task : std::filesystem::directory_iterator(process + "/task", gone)) {
            std::ifstream(task.path() / "schedstat") >> cpu_ns[task.path().filename()];
        }
        std::ifstream status(process + "/status");
        for (std::string line; std::getline(status, line);) {
            if (line.starts_with("VmHWM:")) {
                peak_kib = std::stoull(line.substr(std::strlen("VmHWM:")));
            }
        }
    }
};

double seconds(const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

}  // namespace

int main(int, char** arguments) {
    const auto began = std::chrono::steady_clock::now();
    const pid_t pid = fork();
    if (pid == 0) {
        dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDOUT_FILENO);
        execv(arguments[1], arguments + 1);
        _exit(127);
    }
    Own own;
    pollfd ended{.fd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0)), .events = POLLIN, .revents = 0};
    while (poll(&ended, 1, 5) == 0) {
        own.look("/proc/" + std::to_string(pid));
    }
    const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - began;
    int status = 0;
    rusage usage{};
    wait4(pid, &status, 0, &usage);
    double own_cpu_ms = 0;
    for (const auto& [thread, nanoseconds] : own.cpu_ns) {
        own_cpu_ms += static_cast<double>(nanoseconds) / 1e6;
    }
    std::printf(R"({"wall": %f, "cpu": %f, "peak": %f, "own_cpu": %f, "own_peak": %f, "status": %d})"
                "\n",
                wall.count(), seconds(usage.ru_utime) + seconds(usage.ru_stime),
                static_cast<double>(usage.ru_maxrss) / 1024, own_cpu_ms, static_cast<double>(own.peak_kib) / 1024,
                WIFEXITED(status) ? WEXITSTATUS(status) : 256);
}
