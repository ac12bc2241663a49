#include "agent/repository/download_child.hpp"

#include "common/encoding.hpp"
#include "common/text.hpp"

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace bootwright {

namespace {

Error ended_badly(const ProcessResult& result, const std::string& last_words) {
    const std::string how = result.end == ProcessResult::End::silent ? "said nothing for too long"
                            : result.end == ProcessResult::End::killed_by_signal
                                ? "was killed by signal " + std::to_string(result.signal)
                                : "ended with status " + std::to_string(result.exit_code) + " and no answer";
    return transient_error(
        "repository.fetch_crashed", "bootwright-download " + how + (last_words.empty() ? "" : ": " + last_words),
        "check for memory shortage (`dmesg | grep -i oom`); else report this as a defect of bootwright");
}

}  // namespace

Json ask_download_program(ProcessRunner& processes, const std::filesystem::path& program,
                          const DownloadRequest& request, std::chrono::milliseconds timeout, const Error& too_late,
                          const std::function<void(const Json& event)>& heard, std::stop_token stop) {
    constexpr std::chrono::seconds slack{5};
    const ProcessRequest process{.arguments = {program.string()},
                                 .environment = {{"PATH", "/usr/bin:/bin"},
                                                 {"LC_ALL", "C.UTF-8"},
                                                 // It comes with libcurl's LDAP and RTMP: 0.7 ms for nothing.
                                                 {"GNUTLS_NO_IMPLICIT_INIT", "1"}},
                                 .input = to_line(to_json(request)),
                                 .timeout = timeout,
                                 .silence = request.patience.connect + request.patience.stall + slack,
                                 .grace = std::chrono::seconds(1),
                                 .ends_family = true};
    Json ending = Json::object();
    std::optional<Error> failure;
    std::string last_words;
    const auto on_line = [&](std::string_view line) {
        const Json event = parse_json(line);
        if (!event.is_object()) {
            return;
        }
        if (event.contains("received") || event.contains("unconfined")) {
            heard(event);
        } else if (const auto error = event.find("error"); error != event.end()) {
            failure = error_from_json(*error);
        } else {
            ending = event;
        }
    };
    const ProcessEvents events{
        .line = on_line, .error_line = [&](std::string_view line) { last_words = shortened(printable(line), 300); }};
    const ProcessResult result = processes.run(process, events, stop);
    if (result.end == ProcessResult::End::stopped) {
        throw stopped_error();
    }
    if (failure) {
        throw Error(*failure);
    }
    if (result.end == ProcessResult::End::timed_out) {
        throw Error(too_late);
    }
    if (result.end != ProcessResult::End::exited || ending.empty()) {
        throw ended_badly(result, last_words);
    }
    return ending;
}

std::optional<std::string> lack_of_confinement(const Json& event) {
    const auto missing = event.find("unconfined");
    return missing == event.end()
               ? std::nullopt
               : std::optional("bootwright-download is less confined than it should be: " + to_line(*missing));
}

WebResponse web_response_of(const Json& ending) {
    return understood(ending, "answer", [](const Json& answer) {
        return WebResponse{.status = answer.at("status"),
                           .headers = answer.at("headers").get<std::map<std::string, std::string>>(),
                           .body = decode_base64(answer.at("body").get<std::string>()).value_or("")};
    });
}

}  // namespace bootwright
