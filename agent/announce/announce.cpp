#include "agent/announce/announce.hpp"

#include "agent/record/history.hpp"
#include "agent/record/status_file.hpp"
#include "agent/servers/exchange.hpp"
#include "common/base/encoding.hpp"
#include "common/base/error.hpp"
#include "common/base/log.hpp"
#include "common/base/retry.hpp"
#include "common/base/text.hpp"
#include "common/documents/json.hpp"
#include "common/files/file.hpp"
#include "common/net/redactor.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <utility>

namespace bootwright {

namespace {

constexpr std::size_t largest_memory = 65536;

/// What each receiver was told last: /var/lib/bootwright/announced.json. It holds no URL.
class Memory {
public:
    explicit Memory(const System& system) : path_(system.state() / "announced.json") {
        json_ = parse_json(read_or_empty(path_, largest_memory));  // telling it once more does no harm
        json_ = json_.is_object() ? json_ : Json::object();
    }

    [[nodiscard]] bool knows(const std::string& kind, const Receiver& receiver, const std::string& key,
                             bool good) const {
        const Json& entry = entry_of(kind);
        return string_at(entry, "key") == key && (receiver.once || entry.value("good", Json()) == Json(good));
    }
    /// The number of the next news under this key, from 1.
    [[nodiscard]] std::uint64_t next_number(const std::string& kind, const std::string& key) const {
        const Json& entry = entry_of(kind);
        return string_at(entry, "key") == key ? number_at(entry, "number") + 1 : 1;
    }
    /// @throws Error io.*
    void keep(const std::string& kind, const std::string& key, bool good) {
        json_[kind] = {{"key", key}, {"good", good}, {"number", next_number(kind, key)}};
        write_file(path_, to_text(json_), 0600);
    }

private:
    [[nodiscard]] const Json& entry_of(const std::string& kind) const {
        static const Json none = Json::object();
        const auto found = json_.find(kind);
        return found != json_.end() && found->is_object() ? *found : none;
    }

    std::filesystem::path path_;
    Json json_;
};

/// Why it did not work, without what proves a right: the URL except its host, and the values of headers.
std::string shown_problem(const std::string& message, const WebRequest& request) {
    Redactor redactor;
    redactor.add_url(request.url);
    redactor.add(request.url.target());
    redactor.add(request.url.path());  // if the query was left out already
    for (const auto& [name, value] : request.headers) {
        if (name == "Authorization") {
            redactor.add(value);
            redactor.add(value.substr(value.find(' ') + 1));
        }
    }
    constexpr std::size_t longest = 500;
    return shortened_within(printable(redactor.cleaned(message)), longest);
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
        for (const auto& [kind, receiver] : announce_.receivers) {
            const std::string key = key_of(receiver);
            if (!memory_.knows(kind, receiver, key, *good) && !stop_.stop_requested()) {
                tell(kind, receiver, key, *good);
                has_told = true;
            }
        }
        if (has_told) {
            keep_report(system_, record_.snapshot());
        }
    }

private:
    /// Names what a receiver may know already: it was told of this instance, in this boot.
    [[nodiscard]] std::string key_of(const Receiver& receiver) const {
        return std::to_string(receiver.target) + " " + report_.instance->instance_id +
               (receiver.once ? "" : " " + boot_id(system_));
    }

    void tell(const std::string& kind, const Receiver& receiver, const std::string& key, bool good) {
        const RetryPolicy policy{3, std::chrono::seconds(1), std::chrono::seconds(5)};
        const std::string shown = kind + " " + receiver.name;
        const News news{system_,
                        config_,
                        identity_,
                        report_,
                        good,
                        report_.instance->instance_id + ":" + boot_id(system_) + ":" +
                            std::to_string(memory_.next_number(kind, key))};
        const auto on_retry = [](int, std::chrono::milliseconds, const Error&) {};
        try {
            const std::string said = retry(
                policy, system_.clock, system_.random, stop_, [&](int) { return send(receiver, news); }, on_retry);
            record_.announced({.to = shown, .good = good, .was_taken = true, .said = said});
            remember(kind, shown, key, good);
        } catch (const Error& error) {
            if (error.kind == ErrorKind::stopped) {
                return;  // the next run's end will be told
            }
            record_.announced({.to = shown, .good = good, .was_taken = false, .said = error.message});
            record_.warning("announce: " + shown + ": " + error.message + " (" + error.code +
                            "); tried again after the next run; " + error.advice);
        }
    }

    void remember(const std::string& kind, const std::string& shown, const std::string& key, bool good) {
        try {
            memory_.keep(kind, key, good);
        } catch (const Error& error) {
            record_.warning("announce: " + shown +
                            " will be told again, since that it was is not kept: " + error.message);
        }
    }

    std::string send(const Receiver& receiver, const News& news) const {
        const WebRequest request = receiver.request(news);
        try {
            return receiver.read_answer(exchange(request));
        } catch (const Error& error) {
            Error shown(error.kind, error.code, shown_problem(error.message, request), error.advice);
            shown.retry_after = error.retry_after;
            throw shown;
        }
    }

    /// No transfer is under way, since the caller holds the run lock.
    [[nodiscard]] WebResponse exchange(const WebRequest& web) const {
        constexpr std::chrono::seconds limit{15};
        const Error too_late = transient_error("announce.unavailable", "no complete answer within " + to_human(limit),
                                               "check the receiver, and the network between");
        return bootwright::exchange(system_, config_, system_.state() / "download", web, limit, too_late, stop_);
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

std::optional<bool> final_outcome(const RunReport& report, bool was_configured, std::chrono::milliseconds since_boot,
                                  std::chrono::milliseconds failure_after) {
    if (report.is_good()) {
        return true;
    }
    if (!report.finished || !report.error || report.error->kind == ErrorKind::stopped) {
        return std::nullopt;
    }
    const bool is_final =
        report.error->kind == ErrorKind::permanent || (!was_configured && since_boot >= failure_after);
    return is_final ? std::optional(false) : std::nullopt;
}

void announce(const System& system, const AgentConfig& config, const AnnounceConfig& announce,
              const AnnounceIdentity& identity, RunRecord& record, std::stop_token stop) {
    try {
        Announcer(system, config, announce, identity, record, std::move(stop)).run();
    } catch (const std::exception& error) {
        record.warning(std::string("announce: ") + error.what());
    }
}

}  // namespace bootwright
