#include "common/processes/own_program.hpp"

#include "common/processes/process.hpp"
#include "test/fakes/temporary_root.hpp"

#include <catch2/catch_test_macros.hpp>

#include <filesystem>
#include <stop_token>
#include <string>
#include <thread>

using namespace bootwright;

TEST_CASE("a program that was replaced while it runs is noticed") {
    namespace fs = std::filesystem;
    const TemporaryRoot root;
    const fs::path program = root.path("/program");
    fs::copy_file("/bin/sleep", program);
    fs::copy_file("/bin/sleep", root.path("/newer"));
    SystemProcessRunner runner;
    std::stop_source stop;
    const auto look = [&](std::string_view line) {
        const fs::path process = "/proc/" + std::string(line);
        while (program_of(process) != program) {  // until the shell's child has become it
            std::this_thread::yield();
        }
        CHECK_FALSE(is_replaced(program, process));
        fs::rename(root.path("/newer"), program);
        CHECK(is_replaced(program, process));
        fs::remove(program);
        CHECK_FALSE(is_replaced(program, process));  // removed, not replaced
        stop.request_stop();
    };
    runner.run({.arguments = {"/bin/sh", "-c", "\"$0\" 1000 & echo $!; wait", program},
                .environment = {{"PATH", "/usr/bin:/bin"}},
                .timeout = std::chrono::minutes(1)},
               {.line = look}, stop.get_token());
}
