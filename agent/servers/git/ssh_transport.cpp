#include "agent/servers/git/ssh_transport.hpp"

#include "common/base/encoding.hpp"
#include "common/base/text.hpp"
#include "common/net/name_lookup.hpp"

#include <algorithm>
#include <chrono>

namespace bootwright {

namespace {

/// The error for an ssh that ended without the answer; `said` is what it wrote on standard error.
Error ssh_error(const std::string& shown, const ProcessResult& result, const std::string& said) {
    const std::string low = lower(said);
    const auto says = [&](const char* part) { return low.find(part) != std::string::npos; };
    const std::string message = "cannot fetch from " + shown + ": " +
                                (said.empty() ? "ssh ended with status " + std::to_string(result.exit_code) : said);
    if (result.end == ProcessResult::End::silent) {
        return transient_error("server.stalled", shown + " said nothing for too long",
                               "check that the server is running, and the network between");
    }
    if (says("host key verification failed") || says("host identification has changed") ||
        says("no matching host key")) {
        return permanent_error(
            "server.not_trusted", message,
            "put the server's key, or the authority of its certificate, into repository.known_hosts");
    }
    if (says("permission denied") || says("access denied") || says("too many authentication failures")) {
        return permanent_error("server.access_denied", message, "check the key in repository.ssh_key of agent.json");
    }
    if (says("not appear to be a git") || says("not found") || says("does not exist") || says("no such file")) {
        return permanent_error("git.no_repository", message, std::string(not_a_repository));
    }
    return transient_error("server.unreachable", message,
                           "check that the git server is running and that this machine reaches it");
}

class SshTransport final : public StreamTransport {
public:
    SshTransport(const GitPlace& place, ProcessRunner& processes, const WebPatience& patience)
        : url_(place.url),
          shown_(place.url.shown()),
          arguments_(ssh_arguments(place, patience)),
          processes_(processes),
          patience_(patience) {}

private:
    void exchange(bool is_version_2, const std::string& request, const Take& take, const Heard& heard) override {
        ProcessRequest process{.arguments = arguments_,
                               .environment = {{"PATH", "/usr/bin:/bin"}, {"LC_ALL", "C.UTF-8"}},
                               .input = request,
                               .folder = "",
                               .timeout = std::chrono::hours(24),  // the parent's deadline ends this process and all
                               .silence = patience_.stall,
                               .grace = std::chrono::milliseconds(500),
                               .ends_family = true};
        if (is_version_2) {
            process.environment["GIT_PROTOCOL"] = "version=2";
        }
        PacketReader reader;
        bool has_begun = false;
        bool has_ended = false;
        std::string said;
        std::stop_source enough;
        const auto on_bytes = [&](std::string_view bytes) {
            if (has_ended) {
                return;
            }
            reader.feed(bytes, [&](const Packet& packet) { has_ended = has_ended || take(packet); });
            heard(bytes.size());
            has_begun = true;
            if (has_ended) {
                enough.request_stop();
            }
        };
        const auto on_error_line = [&](std::string_view line) {
            constexpr std::size_t longest = 500;
            if (said.size() < longest) {
                said += (said.empty() ? "" : "; ") + shortened(printable(trimmed(line)), longest);
            }
        };
        const ProcessEvents events{.error_line = on_error_line, .bytes = on_bytes};
        const ProcessResult result = processes_.run(process, events, enough.get_token());
        if (has_ended) {
            return;
        }
        if (const std::string failure = has_begun ? "" : look_up_failure(result, said); !failure.empty()) {
            throw transient_error("server.unreachable", "cannot fetch from " + shown_ + ": " + failure,
                                  look_up_advice(url_.host_to_connect()));
        }
        throw ssh_error(shown_, result, said);
    }

    /// ssh says nothing while it looks a name up. If it was silent, the look-up is tried once more, to see why.
    [[nodiscard]] std::string look_up_failure(const ProcessResult& result, const std::string& said) const {
        const std::string host = url_.host_to_connect();
        if (said.find("Could not resolve hostname") != std::string::npos) {
            return look_up_problem(host, "was not found");
        }
        const bool may_be = result.end == ProcessResult::End::silent && said.empty();
        return may_be ? look_up(host, url_.port(), patience_.connect / 2).problem : "";
    }

    Url url_;
    std::string shown_;
    std::vector<std::string> arguments_;
    ProcessRunner& processes_;
    WebPatience patience_;
};

}  // namespace

std::vector<std::string> ssh_arguments(const GitPlace& place, const WebPatience& patience) {
    const Url& url = place.url;
    const std::string& user = url.user_for_transfer();
    // The server's shell gets the path in quotes.
    std::string path;
    for (const char c : path_of(url)) {
        path += c == '\'' ? "'\\''" : std::string(1, c);
    }
    const auto seconds = std::max<long long>(std::chrono::ceil<std::chrono::seconds>(patience.connect).count(), 1);
    std::vector<std::string> arguments{"/usr/bin/ssh", "-F", "none", "-T", "-a", "-x"};
    for (const std::string& option :
         {std::string("BatchMode=yes"), std::string("IdentitiesOnly=yes"), std::string("IdentityAgent=none"),
          "IdentityFile=" + place.ssh_key.string(), "UserKnownHostsFile=" + place.known_hosts.string(),
          std::string("GlobalKnownHostsFile=none"), std::string("StrictHostKeyChecking=yes"),
          std::string("UpdateHostKeys=no"), std::string("PreferredAuthentications=publickey"),
          std::string("ClearAllForwardings=yes"), std::string("PermitLocalCommand=no"), std::string("ControlMaster=no"),
          std::string("ControlPath=none"), std::string("SendEnv=GIT_PROTOCOL"), std::string("LogLevel=ERROR"),
          "ConnectTimeout=" + std::to_string(seconds)}) {
        arguments.insert(arguments.end(), {"-o", option});
    }
    arguments.insert(arguments.end(), {"-p", std::to_string(url.port()), "-l", user.empty() ? "git" : user, "--",
                                       url.host_to_connect(), "git-upload-pack '" + path + "'"});
    return arguments;
}

namespace {

const GitTransportKind kind{.schemes = {"ssh"},
                            .make = [](const GitPlace& place, WebClient&, ProcessRunner& processes,
                                       const WebPatience& patience) -> std::unique_ptr<GitTransport> {
                                return std::make_unique<SshTransport>(place, processes, patience);
                            }};
const Registered<GitTransportKind> registered(kind);

}  // namespace

}  // namespace bootwright
