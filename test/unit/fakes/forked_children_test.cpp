#include "test/fakes/confined_child.hpp"

#include <catch2/catch_test_macros.hpp>

#include <csignal>
#include <string>

using namespace bootwright::sandbox_tests;

TEST_CASE("a child of the tests that dies of a signal reports nothing in their name") {
    // Those that no daemon blocks, as a test before this one may have been.
    for (const int signal : {SIGSEGV, SIGABRT, SIGILL, SIGALRM}) {
        Child child([signal] {
            raise(signal);
            return std::string("goes on");
        });
        CHECK(child.said().empty());
        CHECK(WIFSIGNALED(child.status()));
        CHECK(WTERMSIG(child.status()) == signal);
    }
}
