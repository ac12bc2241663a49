#include "agent/servers/ask.hpp"

#include "common/base/encoding.hpp"
#include "test/fakes/errors.hpp"
#include "test/fakes/fake_processes.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

using namespace bootwright;
using namespace std::chrono_literals;

namespace {

/// What comes of a request to a program that behaves so.
Error failure_of(const DownloadRequest& request, const FakeProcesses::Script& script) {
    FakeProcesses processes;
    processes.answer("bootwright-download", script);
    const Error too_late = transient_error("repository.timeout", "too late", "wait");
    return error_of(
        [&] { return ask_download_program(processes, "/x/bootwright-download", request, 1s, too_late, {}, {}); });
}

}  // namespace

TEST_CASE("no secret of the request is shown, whatever the program says of it") {
    const DownloadRequest request =
        GENERATE(DownloadRequest{.url = "https://user:hunter2@h/x"}, DownloadRequest{.password = "hunter2"},
                 DownloadRequest{.ssh_key = "hunter2"}, DownloadRequest{.trust = {.client_key = "hunter2"}},
                 DownloadRequest{.trust = {.proxy = "http://user:hunter2@proxy"}},
                 DownloadRequest{.web = {.url = "https://h/x?token=hunter2"}},
                 DownloadRequest{.web = {.url = "https://h/x", .headers = {{"Authorization", "Bearer hunter2"}}}},
                 DownloadRequest{.web = {.url = "https://h/x", .password = "hunter2"}},
                 DownloadRequest{.web = {.url = "https://h/x", .signature = AwsSignature{.secret_key = "hunter2"}}},
                 DownloadRequest{.web = {.url = "https://h/x", .signature = AwsSignature{.session_token = "hunter2"}}},
                 DownloadRequest{.credentials = "https://user:hunter2@h"});
    CAPTURE(to_line(to_json(request)));
    const Error said = transient_error("server.unreachable", "they say hunter2", "do");
    const Error told = failure_of(request, {.lines = {to_line({{"error", to_json(said)}})}});
    CHECK(told.message.starts_with("they say "));
    CHECK(told.message.find("hunter2") == std::string::npos);
    const Error died = failure_of(request, {.result = {.exit_code = 3}, .error_lines = {"died of hunter2"}});
    CHECK(died.code == "repository.fetch_crashed");
    CHECK(died.message.find("status 3 and no answer: died of ") != std::string::npos);
    CHECK(died.message.find("hunter2") == std::string::npos);
}
