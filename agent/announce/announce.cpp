#include "agent/announce/announce.hpp"

#include "agent/announce/messages.hpp"
#include "agent/announce/token.hpp"
#include "agent/record/history.hpp"
#include "agent/record/status_file.hpp"
#include "agent/servers/ask.hpp"
#include "agent/servers/folder.hpp"
#include "agent/servers/proxy.hpp"
#include "common/base/encoding.hpp"
#include "common/base/error.hpp"
#include "common/base/log.hpp"
#include "common/base/retry.hpp"
#include "common/base/text.hpp"
#include "common/documents/json.hpp"
#include "common/files/file.hpp"
#include "common/net/redactor.hpp"
#include "common/sandbox/user.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <utility>
#include <vector>

namespace bootwright {

namespace {

constexpr std::size_t largest_memory = 65536;

/// One who is to be told.
struct Receiver {
    std::string kind;      ///< its key in `announce`
    std::string shown;     ///< "webhook https://hooks.example.com"
    std::uint64_t target;  ///< a hash of which one it is: another one was not told
    bool once = true;      ///< for an instance; else at each change, in each boot
    std::function<WebRequest(const std::string& id)> request;
    std::function<std::string(const WebResponse& response)> read;
};

/// What each receiver was told last: /var/lib/bootwright/announced.json. It holds no URL.
class Memory {
public:
    explicit Memory(const System& system) : path_(system.state() / "announced.json") {
        json_ = parse_json(read_or_empty(path_, largest_memory));  // to tell once more does no harm
        json_ = json_.is_object() ? json_ : Json::object();
    }

    [[nodiscard]] bool knows(const Receiver& receiver, const std::string& key, bool good) const {
        const Json& entry = entry_of(receiver);
        return string_at(entry, "key") == key && (receiver.once || entry.value("good", Json()) == Json(good));
    }
    /// The number of the next news under this key, from 1.
    [[nodiscard]] std::uint64_t next_number(const Receiver& receiver, const std::string& key) const {
        const Json& entry = entry_of(receiver);
        return string_at(entry, "key") == key ? number_at(entry, "number") + 1 : 1;
    }
    /// @throws Error io.*
    void keep(const Receiver& receiver, const std::string& key, bool good) {
        json_[receiver.kind] = {{"key", key}, {"good", good}, {"number", next_number(receiver, key)}};
        write_file(path_, to_text(json_), 0600);
    }

private:
    [[nodiscard]] const Json& entry_of(const Receiver& receiver) const {
        static const Json none = Json::object();
        const auto found = json_.find(receiver.kind);
        return found != json_.end() && found->is_object() ? *found : none;
    }

    std::filesystem::path path_;
    Json json_;
};

/// Why it did not work, without what proves a right: the URL but for its host, and what stands in headers.
std::string shown_problem(const std::string& message, const WebRequest& request) {
    Redactor redactor;
    redactor.add_url(request.url);
    redactor.add(request.url.target());
    redactor.add(request.url.path());  // where the query was left out already
    for (const auto& [name, value] : request.headers) {
        if (name == "Authorization") {
            redactor.add(value);
            redactor.add(value.substr(value.find(' ') + 1));
        }
    }
    constexpr std::size_t longest = 500;
    return shortened(printable(redactor.cleaned(message)), longest);
}

class Announcer {
public:
    Announcer(const System& system, const AgentConfig& config, const AnnounceConfig& announce,
              const AnnounceIdentity& identity, RunRecord& record, std::stop_token stop)
        : system_(system),
          config_(config),
          announce_(announce),
          identity_(identity),
          record_(record),
          report_(record.snapshot()),
          stop_(std::move(stop)),
          memory_(system) {}

    void run() {
        const bool was_configured = StatusFile(system_).read().value("configured", Json()).is_object();
        const auto good =
            final_outcome(report_, was_configured, system_.clock.now().since_boot, announce_.failure_after);
        if (!good || !report_.instance) {
            return;
        }
        bool has_told = false;
        for (const Receiver& receiver : receivers(*good)) {
            const std::string key = key_of(receiver);
            if (!memory_.knows(receiver, key, *good) && !stop_.stop_requested()) {
                tell(receiver, key, *good);
                has_told = true;
            }
        }
        if (has_told) {
            keep_report(system_, record_.snapshot());
        }
    }

private:
    [[nodiscard]] std::vector<Receiver> receivers(bool good) const {
        std::vector<Receiver> all;
        if (const auto& webhook = announce_.webhook; !webhook.url.empty()) {
            all.push_back({"webhook", "webhook " + webhook.url.server(), webhook.url.hash_without_credentials(), false,
                           [this, good](const std::string& id) {
                               return webhook_request(announce_.webhook, report_, good, id, bearer());
                           },
                           read_answer});
        }
        if (const auto& lifecycle = announce_.aws_lifecycle; !lifecycle.hook.empty()) {
            all.push_back({"aws_lifecycle", "aws_lifecycle " + lifecycle.hook,
                           hash_of(lifecycle.hook + " " + lifecycle.group), true,
                           [this, good](const std::string&) {
                               return lifecycle_request(announce_.aws_lifecycle, *report_.instance, good,
                                                        identity_.for_services());
                           },
                           read_lifecycle_answer});
        }
        if (const Url& url = announce_.wait_condition; !url.empty()) {
            all.push_back({"wait_condition", "wait_condition " + url.server(), url.hash_without_credentials(), true,
                           [this, good](const std::string&) {
                               return wait_condition_request(announce_.wait_condition, report_, good);
                           },
                           read_answer});
        }
        return all;
    }

    [[nodiscard]] std::string bearer() const {
        const AnnounceConfig::Webhook& webhook = announce_.webhook;
        if (webhook.token) {
            return read_token(system_, config_, *webhook.token, webhook.said_by);
        }
        if (!webhook.identity) {
            return "";
        }
        const auto token = identity_.token_for(webhook.url.server());
        if (!token) {
            throw permanent_error("announce.no_identity", "this platform gives no signed word for who the instance is",
                                  "use announce.webhook.token_from; `identity` is for GCE");
        }
        check_bearer(*token, "the platform's signed word for who the instance is");
        return *token;
    }

    /// What a receiver may know already: of whom it was told, by which boot.
    [[nodiscard]] std::string key_of(const Receiver& receiver) const {
        return std::to_string(receiver.target) + " " + report_.instance->instance_id +
               (receiver.once ? "" : " " + boot_id(system_));
    }

    void tell(const Receiver& receiver, const std::string& key, bool good) {
        const RetryPolicy policy{3, std::chrono::seconds(1), std::chrono::seconds(5)};
        const std::string id = report_.instance->instance_id + ":" + boot_id(system_) + ":" +
                               std::to_string(memory_.next_number(receiver, key));
        const auto on_retry = [](int, std::chrono::milliseconds, const Error&) {};
        try {
            const std::string said = retry(
                policy, system_.clock, system_.random, stop_, [&](int) { return send(receiver, id); }, on_retry);
            record_.announced({.to = receiver.shown, .good = good, .was_taken = true, .said = said});
            remember(receiver, key, good);
        } catch (const Error& error) {
            if (error.kind == ErrorKind::stopped) {
                return;  // the next run's end will be told
            }
            record_.announced({.to = receiver.shown, .good = good, .was_taken = false, .said = error.message});
            record_.warning("announce: " + receiver.shown + ": " + error.message + " (" + error.code +
                            "); tried again after the next run; " + error.advice);
        }
    }

    void remember(const Receiver& receiver, const std::string& key, bool good) {
        try {
            memory_.keep(receiver, key, good);
        } catch (const Error& error) {
            record_.warning("announce: " + receiver.shown +
                            " will be told again, since that it was is not kept: " + error.message);
        }
    }

    std::string send(const Receiver& receiver, const std::string& id) const {
        const WebRequest request = receiver.request(id);
        try {
            return receiver.read(exchange(request));
        } catch (const Error& error) {
            Error shown(error.kind, error.code, shown_problem(error.message, request), error.advice);
            shown.retry_after = error.retry_after;
            throw shown;
        }
    }

    [[nodiscard]] WebResponse exchange(const WebRequest& web) const {
        constexpr std::chrono::seconds patience{5};
        constexpr std::chrono::seconds limit{15};
        constexpr std::size_t largest_pem = std::size_t{4} << 20U;
        AgentConfig::Repository settings = config_.repository;
        add_proxy_of(system_.environment, settings);
        const std::filesystem::path ca = settings.ca_file.empty() ? "" : system_.path(settings.ca_file.string());
        // That of downloads: none is under way, since whoever runs this holds the run lock.
        const DownloadFolder folder(system_.state() / "download");
        const DownloadRequest request{.kind = DownloadRequest::Kind::answer,
                                      .folder = folder.path(),
                                      .trust = {.ca_pem = ca.empty() ? "" : read_file(ca, largest_pem),
                                                .proxy = settings.proxy,
                                                .no_proxy = settings.no_proxy},
                                      .patience = {.connect = patience, .stall = patience},
                                      .web = web};
        const Error too_late = transient_error("announce.unavailable", "no complete answer within " + to_human(limit),
                                               "check the receiver, and the network between");
        const auto heard = [](const DownloadEvents::Event& event) {
            if (const auto lack = lack_of_confinement(event)) {
                log(LogLevel::warning, *lack);
            }
        };
        return web_response_of(ask_download_program(system_.processes, system_.program("bootwright-download"), request,
                                                    limit, too_late, heard, stop_));
    }

    const System& system_;
    const AgentConfig& config_;
    const AnnounceConfig& announce_;
    const AnnounceIdentity& identity_;
    RunRecord& record_;
    RunReport report_;
    std::stop_token stop_;
    Memory memory_;
};

}  // namespace

void announce(const System& system, const AgentConfig& config, const AnnounceConfig& announce,
              const AnnounceIdentity& identity, RunRecord& record, std::stop_token stop) {
    try {
        Announcer(system, config, announce, identity, record, std::move(stop)).run();
    } catch (const std::exception& error) {
        record.warning(std::string("announce: ") + error.what());
    }
}

}  // namespace bootwright
