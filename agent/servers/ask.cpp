#include "agent/servers/ask.hpp"

#include "common/base/encoding.hpp"
#include "common/base/text.hpp"
#include "common/files/room.hpp"
#include "common/net/redactor.hpp"
#include "common/net/url.hpp"

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

void add_secrets(Redactor& redactor, const WebRequest& web) {
    redactor.add_url(web.url);
    redactor.add(web.password);
    for (const auto& [name, value] : web.headers) {
        if (lower(name) == "authorization") {
            redactor.add(value.substr(value.find(' ') + 1));  // "Bearer TOKEN"
        }
    }
    if (web.signature) {
        redactor.add(web.signature->secret_key);
        redactor.add(web.signature->session_token);
    }
}

/// Knows what must not be shown of the request.
Redactor secrets_of(const DownloadRequest& request) {
    Redactor redactor;
    for (const Url* url : {&request.url, &request.trust.proxy}) {
        redactor.add_url(*url);
    }
    for (const std::string& url : split(request.credentials, '\n')) {
        redactor.add_url(Url::parse(url).value_or(Url()));
    }
    for (const std::string* secret : {&request.password, &request.ssh_key, &request.trust.client_key}) {
        redactor.add(*secret);
    }
    add_secrets(redactor, request.web);
    for (const WantedArchive& archive : request.archives) {
        add_secrets(redactor, archive.web);
    }
    return redactor;
}

}  // namespace

Json ask_download_program(ProcessRunner& processes, const std::filesystem::path& program,
                          const DownloadRequest& request, std::chrono::milliseconds timeout, const Error& too_late,
                          const std::function<void(const DownloadEvents::Event& event)>& heard, std::stop_token stop) {
    constexpr std::chrono::seconds slack{5};
    const ProcessRequest process{.arguments = {program.string()},
                                 .environment = {{"PATH", "/usr/bin:/bin"},
                                                 {"LC_ALL", "C.UTF-8"},
                                                 // GnuTLS comes with libcurl's LDAP and RTMP: 0.7 ms for nothing.
                                                 {"GNUTLS_NO_IMPLICIT_INIT", "1"}},
                                 .input = to_line(to_json(request)),
                                 .timeout = timeout,
                                 .silence = request.patience.connect + request.patience.stall + slack,
                                 .grace = std::chrono::seconds(1),
                                 .ends_family = true};
    DownloadEvents said(request.kind);
    const Redactor redactor = secrets_of(request);
    const auto shown = [&](std::string_view text) { return redactor.cleaned(without_credentials(text)); };
    std::string last_words;
    const ProcessEvents events{
        .line =
            [&](std::string_view line) {
                const DownloadEvents::Event event = said.read(line);
                if (event.received || event.release || !event.unconfined.empty()) {
                    heard(event);
                }
            },
        .error_line = [&](std::string_view line) { last_words = shortened(printable(shown(line)), 300); }};
    ProcessResult result;
    try {
        result = processes.run(process, events, stop);
    } catch (const Error& error) {
        if (error.code == "repository.fetch_crashed" && !request.folder.empty()) {
            // The program may not say that the disk is full: root checks it.
            require_room(request.folder, "while bootwright-download wrote into it");
        }
        throw;
    }
    if (result.end == ProcessResult::End::stopped) {
        throw stopped_error();
    }
    if (said.error()) {
        Error error = *said.error();
        error.message = shown(error.message);  // libcurl, ssh and r10k have had their say in it
        throw error;
    }
    if (result.end == ProcessResult::End::timed_out) {
        throw Error(too_late);
    }
    if (result.end != ProcessResult::End::exited || said.ending().empty()) {
        throw ended_badly(result, last_words);
    }
    return said.ending();
}

std::optional<std::string> lack_of_confinement(const DownloadEvents::Event& event) {
    return event.unconfined.empty() ? std::nullopt
                                    : std::optional("bootwright-download is less confined than it should be: " +
                                                    joined(event.unconfined, "; "));
}

}  // namespace bootwright
