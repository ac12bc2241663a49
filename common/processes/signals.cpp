#include "common/processes/signals.hpp"

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>

namespace bootwright {

Signals::Signals(std::initializer_list<int> signals) {
    sigset_t set;
    sigemptyset(&set);
    for (const int signal : signals) {
        sigaddset(&set, signal);
    }
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    fd_ = UniqueFd(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

int Signals::take() {
    signalfd_siginfo info{};
    return read(fd_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info) ? static_cast<int>(info.ssi_signo)
                                                                                    : 0;
}

void Signals::wait(std::chrono::milliseconds timeout, int fd) {
    std::array<pollfd, 2> polled{{{fd_.get(), POLLIN, 0}, {fd, POLLIN, 0}}};
    const auto limit = std::clamp<long long>(timeout.count(), 0, 3'600'000);
    poll(polled.data(), polled.size(), static_cast<int>(limit));
}

}  // namespace bootwright
