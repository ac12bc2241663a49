#pragma once

#include <csignal>

namespace bootwright {

/// Puts the thread's blocked signals back: a daemon blocks them for good, and they are let through again for the next test.
class SignalMask {
public:
    SignalMask() { pthread_sigmask(SIG_SETMASK, nullptr, &before_); }
    SignalMask(const SignalMask&) = delete;
    SignalMask& operator=(const SignalMask&) = delete;
    ~SignalMask() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

private:
    sigset_t before_{};
};

}  // namespace bootwright
