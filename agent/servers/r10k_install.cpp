#include "agent/servers/r10k_install.hpp"

#include "agent/servers/child_protocol.hpp"
#include "common/base/encoding.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/files/file.hpp"
#include "common/net/url.hpp"
#include "common/processes/process.hpp"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>

namespace bootwright {

namespace {

/// Says every second that somebody is at work. Its own deadline makes it end.
std::jthread signs_of_life() {
    return std::jthread([](const std::stop_token& stop) {
        std::mutex mutex;
        std::unique_lock lock(mutex);
        std::condition_variable_any wake;
        while (!wake.wait_for(lock, stop, std::chrono::seconds(1), [&] { return stop.stop_requested(); })) {
            write_event({{"received", 0}});
        }
    });
}

}  // namespace

Json install_by_r10k(const DownloadRequest& request) {
    constexpr std::chrono::minutes deadline{10};
    const std::string folder = request.folder.string();
    const std::string tree = folder + "/" + request.file;
    make_folder("./" + request.file, 0700);
    write_file("./" + request.file + "/Puppetfile", request.puppetfile, 0600);
    write_file("./credentials", request.credentials, 0600);
    ProcessRequest process{.arguments = {request.program, "puppetfile", "install", "--puppetfile", tree + "/Puppetfile",
                                         "--moduledir", tree + "/modules"},
                           .environment = {{"PATH", "/opt/puppetlabs/puppet/bin:/usr/bin:/bin"},
                                           {"LC_ALL", "C.UTF-8"},
                                           {"HOME", folder},
                                           {"TMPDIR", folder},
                                           {"GIT_TERMINAL_PROMPT", "0"},
                                           {"GIT_CONFIG_NOSYSTEM", "1"},
                                           {"GIT_CONFIG_COUNT", "2"},
                                           {"GIT_CONFIG_KEY_0", "credential.helper"},
                                           {"GIT_CONFIG_VALUE_0", "store --file=" + folder + "/credentials"},
                                           {"GIT_CONFIG_KEY_1", "credential.useHttpPath"},
                                           {"GIT_CONFIG_VALUE_1", "true"},
                                           {"GIT_ALLOW_PROTOCOL", "https:http:git:file"}},
                           .folder = "",
                           .timeout = deadline,
                           .grace = std::chrono::seconds(1),
                           .ends_family = true};
    if (!request.trust.ca_pem.empty()) {
        write_file("./ca.pem", request.trust.ca_pem, 0600);
        process.environment["GIT_SSL_CAINFO"] = process.environment["SSL_CERT_FILE"] = folder + "/ca.pem";
    }
    for (const char* name : {"http_proxy", "https_proxy"}) {
        process.environment[name] = request.trust.proxy.for_transfer();
    }
    process.environment["no_proxy"] = request.trust.no_proxy;
    std::string last_words;
    const auto keep = [&](std::string_view line) {
        last_words += (last_words.empty() ? "" : "; ") + without_credentials(printable(line));
        last_words = last_words.substr(0, 2000);
    };
    SystemProcessRunner processes;
    const std::jthread alive = signs_of_life();
    const ProcessResult result = processes.run(process, {.error_line = keep}, {});
    if (result.end != ProcessResult::End::exited || result.exit_code != 0) {
        const std::string how = result.end == ProcessResult::End::timed_out ? "was not done after 10 minutes"
                                : result.end == ProcessResult::End::exited
                                    ? "ended with status " + std::to_string(result.exit_code)
                                    : "was killed";
        throw transient_error("repository.r10k_failed", "r10k " + how + ": " + shortened(last_words, 1000),
                              "try `r10k puppetfile install` with that Puppetfile by hand; or vendor the modules");
    }
    return {{"r10k", Json::object()}};
}

}  // namespace bootwright
