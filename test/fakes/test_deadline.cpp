#include <catch2/catch_test_case_info.hpp>
#include <catch2/reporters/catch_reporter_event_listener.hpp>
#include <catch2/reporters/catch_reporter_registrars.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <string>

namespace {

// A test case takes milliseconds; one under ThreadSanitizer on a loaded machine, seconds.
constexpr unsigned deadline_s = 120;

std::string last_words;              // made before the alarm is set, as a signal handler may not allocate
int standard_error = STDERR_FILENO;  // that of the program: a test may have put another one in its place

void end_the_tests(int) {
    [[maybe_unused]] const auto written = write(standard_error, last_words.data(), last_words.size());
    // Catch2's own handler prints, for which it may wait for a lock that the test holds.
    std::signal(SIGABRT, SIG_DFL);
    std::abort();
}

/// Ends the whole program when a test case hangs, and says which: else only the limit of the whole suite would end it, after
/// a quarter of an hour, and without a name.
class TestDeadline : public Catch::EventListenerBase {
public:
    using Catch::EventListenerBase::EventListenerBase;

    void testRunStarting(const Catch::TestRunInfo&) override {
        standard_error = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
    }
    void testCaseStarting(const Catch::TestCaseInfo& test) override {
        last_words = "\nFAILED: after " + std::to_string(deadline_s) +
                     " s this test case was still running: " + test.name + "\n";
        std::signal(SIGALRM, end_the_tests);
        alarm(deadline_s);
    }
    void testCaseEnded(const Catch::TestCaseStats&) override { alarm(0); }
};

CATCH_REGISTER_LISTENER(TestDeadline)

}  // namespace
