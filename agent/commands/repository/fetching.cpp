#include "agent/commands/repository/fetching.hpp"

#include "agent/commands/output.hpp"
#include "agent/commands/stop_on_signal.hpp"
#include "agent/config/value_types.hpp"
#include "agent/repository/ready_credentials.hpp"
#include "agent/servers/proxy.hpp"
#include "common/base/encoding.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/files/file.hpp"

#include <unistd.h>

#include <iostream>

namespace bootwright {

namespace fs = std::filesystem;

namespace {

std::string progress_line(std::string_view what, std::uint64_t done, std::uint64_t total) {
    return std::string(what) + " " + std::to_string(done) + (total == 0 ? "" : " of " + std::to_string(total));
}

std::vector<ReadyCredential> credentials_of(const System& system, const CommandArguments& given) {
    constexpr std::size_t largest = std::size_t{1} << 20U;
    if (!given.has(credentials_option.name)) {
        return {};
    }
    const std::string file = given.value(credentials_option.name);
    const JsonDocument document = JsonDocument::parse(read_file(file, largest), file, "config.invalid");
    ObjectReader reader(document);
    std::vector<Credential> credentials;
    read_credentials(credentials, reader, "credentials");
    reader.finish();
    return ready_credentials(system, credentials);
}

std::string variable(const System& system, const char* name) {
    const auto found = system.environment.find(name);
    return found == system.environment.end() ? "" : found->second;
}

}  // namespace

AgentConfig::Repository settings_of_caller(const System& system) {
    AgentConfig::Repository settings;
    settings.seed.clear();
    settings.ca_file = variable(system, "GIT_SSL_CAINFO");
    const fs::path home = variable(system, "HOME");
    settings.ssh_key = home / ".ssh/id_ed25519";
    settings.known_hosts = home / ".ssh/known_hosts";
    settings.allow_branches_and_tags = true;
    settings.allow_rewritten_branches = true;
    add_proxy_of(system.environment, settings);
    return settings;
}

FetchRequest fetch_request_in(const System& system, const WorkFolder& work, const CommandArguments& given) {
    return {.repositories = work.path() / "repository",
            .checkouts = work.path() / "checkout",
            .downloads = work.path() / "download",
            .download_program = system.program("bootwright-download"),
            .places = {},
            .name_url = {},
            .revision = {},
            .policy = {},
            .settings = settings_of_caller(system),
            .credentials = credentials_of(system, given)};
}

FetchOutcome ask_fetch_program(const System& system, const Json& request, const Redactor& redactor,
                               const ReadAnswer& read) {
    const StopOnSignal signals;
    LiveLine progress(std::cerr, STDERR_FILENO);  // what is printed is for scripts
    FetchOutcome answer;
    bool is_whole = false;
    std::string last_words;
    const FetchEvents heard{.progress = [&](std::string_view what, std::uint64_t done,
                                            std::uint64_t total) { progress.show(progress_line(what, done, total)); },
                            .heard = [](const PlaceAnswer&) {}};
    const ProcessEvents events{
        .line = [&](std::string_view line) { is_whole = read(line, heard, answer); },
        .error_line = [&](std::string_view line) { last_words = shortened(printable(redactor.cleaned(line)), 300); }};
    const ProcessResult result =
        system.processes.run(fetch_process(system, request, std::chrono::hours(1)), events, signals.token());
    progress.clear();
    if (result.end == ProcessResult::End::stopped) {
        throw stopped_error();
    }
    if (result.end == ProcessResult::End::exited && answer.error) {
        throw Error(*answer.error);
    }
    if (result.end == ProcessResult::End::exited && is_whole) {
        return answer;
    }
    throw transient_error(
        "repository.fetch_crashed",
        "bootwright-fetch ended without an answer" + (last_words.empty() ? "" : ": " + last_words),
        "check for memory shortage (`dmesg | grep -i oom`); else report this as a defect of bootwright");
}

}  // namespace bootwright
