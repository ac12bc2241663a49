#pragma once

#include "agent/health/health_result.hpp"
#include "agent/platform/instance_metadata.hpp"
#include "agent/puppet/result/puppet_result.hpp"
#include "agent/record/bad_revision.hpp"
#include "agent/repository/checkout.hpp"
#include "common/base/clock.hpp"
#include "common/base/error.hpp"
#include "common/documents/json.hpp"
#include "common/processes/process.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bootwright {

enum class Stage { hooks, platform, role, repository, puppet, health, record };

std::string_view to_string(Stage stage);

/// Why there is a run. What is asked for is tried even if the agent would not try again by itself.
enum class RunCause { boot, restart, schedule, metadata, retry, asked_for };

/// "boot", "asked_for"
std::string_view to_string(RunCause cause);

/// The record of one run so far. It is what status.json shows of the run and, at the end, report.json.
struct RunReport {
    int number = 0;
    int before =
        0;  ///< the run that the status showed before it: the last one of this boot that did something; 0: none
    ProcessId agent{};
    RunCause cause = RunCause::boot;
    std::string asked_by{};                 ///< "alice on /dev/pts/0", "SIGHUP"; "": nobody
    bool noop = false;                      ///< an operator only wanted to know what would change
    std::vector<std::string> past_locks{};  ///< that held when it began, and did not stop it
    Instant started{};
    Instant heartbeat{};
    std::optional<Instant> finished{};

    Stage stage = Stage::platform;  ///< the last one that began
    Instant stage_started{};
    int attempt = 1;
    int attempts = 1;

    struct Retry {
        Instant at{};
        std::chrono::milliseconds delay{};
        Error error;
    };
    std::optional<Retry> retry{};  ///< while it waits for the next attempt

    struct Progress {
        std::string what;  ///< "objects", "files", "resources"
        std::uint64_t done = 0;
        std::uint64_t total = 0;
        Instant since{};  ///< when the first of them was done
    };
    std::optional<Progress> progress{};

    /// Where the run's time went.
    struct Step {
        enum class Kind {
            stage,
            wait,   ///< for something outside the run
            pause,  ///< before the next attempt
            place   ///< a place of a repository was asked
        };
        Kind kind = Kind::stage;
        std::string what;
        std::chrono::milliseconds from{};                 ///< since the run's start
        std::optional<std::chrono::milliseconds> took{};  ///< nullopt: it is not over
    };
    std::vector<Step> steps{};  ///< in the order in which they were noticed
    std::string boot_id{};

    struct Waiting {
        std::string what;  ///< "apt-get (process 812), which holds /var/lib/dpkg/lock-frontend"
        Instant until{};   ///< at the latest
    };
    std::optional<Waiting> waiting{};  ///< for something outside the run

    std::optional<ProcessId> child{};  ///< the child at work; a later agent ends it if this one is killed

    std::optional<InstanceMetadata> instance{};  ///< without user-data
    std::uint64_t fingerprint = 0;  ///< of the metadata that was read last; 0: none was read. Not in the status

    /// The run uses the role config that was accepted earlier.
    struct Kept {
        std::string accepted;  ///< when, as in the status
        Stage stage = Stage::platform;
        Error because;  ///< the metadata service is dead; or what it says is refused, or cannot be fetched

        /// A dead service is no fault of the machine. But what a service says must not be passed over in silence.
        [[nodiscard]] bool makes_run_bad() const {
            return because.kind == ErrorKind::permanent || stage != Stage::platform;
        }
    };
    std::optional<Kept> kept{};
    int resumes = 0;  ///< the run that a shutdown cut off, and this one resumes; 0: none
    std::string role{};
    std::string role_config{};  ///< name_of() the role config
    std::string revision_asked{};
    std::string revision_resolved{};
    std::string signer{};               ///< of that revision, if the image asks for a signature
    CommitWords commit{};               ///< what is told of it
    std::string configuration_asked{};  ///< of the second repository, if there is one
    std::string configuration_resolved{};
    Revisions repositories_asked{};  ///< of those beside the control repository
    Revisions repositories_resolved{};
    std::vector<PlaceAnswer> places{};          ///< what places said in this run; add_answer() says which are kept
    std::map<std::string, int> modules_from{};  ///< how many modules each server gave; "": the machine's own disk
    std::optional<std::chrono::milliseconds> interval{};  ///< to the next scheduled run, if the role config has one
    std::chrono::milliseconds splay{0};
    PuppetResult puppet{};
    std::optional<BadRevision> bad{};  ///< what is known against the revision and role config of this run

    /// The last good revision, which was applied again instead of one that is given up.
    struct Instead {
        int run = 0;  ///< the good one
        std::string revision;
        std::string configuration{};
        PuppetResult puppet{};
    };
    std::optional<Instead> instead{};
    HealthResult health{};  ///< no checks: there are none, or the run did not reach them

    /// The result of telling a receiver outside how the run came out.
    struct Announced {
        std::string to;     ///< "webhook https://hooks.example.com"
        bool good = false;  ///< what was told
        bool was_taken = false;
        std::string said;  ///< "HTTP status 200", or why it did not work
        Instant at{};
    };
    std::vector<Announced> announced{};

    /// A program of the image's that this run has started.
    struct Hook {
        std::string name;  ///< "before-run/10-drain"
        bool ok = false;
        std::string said{};  ///< "exit status 1: no such pool"
        std::optional<int> exit_status{};
        std::optional<std::chrono::milliseconds> took{};  ///< nullopt: it is not over, or was cut off
    };
    std::vector<Hook> hooks{};  ///< in the order in which they began

    std::optional<Error> error{};  ///< why the run is not good; nullopt if it is
    std::vector<std::string> warnings{};

    [[nodiscard]] bool is_good() const { return finished && !error; }
};

/// For people, in one line without control characters: "puppet: resource 12 of 82", "configured: role web at 1a2b3c4d5e6f", "failed in repository: …".
std::string one_line(const RunReport& report);

/// Schema: docs/status.md.
Json to_json(const RunReport& report);
Json to_json(const Instant& instant);

}  // namespace bootwright
