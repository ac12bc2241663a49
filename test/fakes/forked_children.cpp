#include <pthread.h>

#include <csignal>
#include <cstdlib>

namespace {

// A child has the handlers of the test program: Catch2's writes a failure among the results of the tests when the child dies of a
// signal, and that of the deadline says that a test case hangs.
// https://github.com/catchorg/Catch2/blob/devel/src/catch2/internal/catch_fatal_condition_handler.cpp
void take_signals_as_others_do() {
    for (const int signal : {SIGINT, SIGILL, SIGFPE, SIGSEGV, SIGTERM, SIGABRT, SIGALRM}) {
        std::signal(signal, SIG_DFL);
    }
}

[[maybe_unused]] const bool at_each_fork = [] {
    if (pthread_atfork(nullptr, nullptr, take_signals_as_others_do) != 0) {
        std::abort();
    }
    return true;
}();

}  // namespace
