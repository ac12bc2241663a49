#pragma once

#include "agent/run/run.hpp"
#include "test/fakes/captured_errors.hpp"
#include "test/fakes/fake_machine.hpp"

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

namespace bootwright {

using Answers = std::vector<FakeHttp::Answer>;
using Script = FakeProcesses::Script;
using End = ProcessResult::End;

inline constexpr const char* token = "PUT /latest/api/token";
inline constexpr const char* identity = "GET /latest/dynamic/instance-identity/document";
inline constexpr const char* user_data = "GET /latest/user-data";

/// The password in the URLs of repositories. Like each secret of a role config, it must show up nowhere.
inline constexpr const char* url_secret = "url-hunter2";

/// One row of the table is a machine with a fault, and what the run makes of it: the real run() over fakes of the
/// network, of child processes and of time, with the real record on a real (temporary) disk. After each row the fault
/// is taken away, and the next run must bring the instance where it belongs.
struct Scenario {
    const char* name;

    // The faults.
    std::string agent_json{};                       ///< of the image; empty: there is none
    std::map<std::string, Answers> metadata{};      ///< what the service answers instead
    std::optional<std::string> served_user_data{};  ///< short for one of them
    std::vector<Script> fetch{};                    ///< the children that fetch, one an attempt
    std::vector<Script> puppet{};
    std::function<void(FakeMachine&)> damage{};  ///< to files
    std::function<void(FakeMachine&)> mend{};    ///< the reverse
    const char* stop_at = "";                    ///< a request, "bootwright-fetch", "apply", "sleep", "start"

    // The expectations.
    Outcome outcome = Outcome::not_reached;
    const char* code = "";  ///< of the error; "": the run is good
    ErrorKind kind = ErrorKind::permanent;
    Stage stage = Stage::record;
    int attempt = 1;
    std::vector<std::chrono::milliseconds> slept{};
    std::map<std::string, Json> status{};  ///< JSON pointer below "run" → value
    std::vector<const char*> files{};      ///< that are there afterwards
    std::vector<const char*> no_files{};

    /// The run after the fault is gone.
    Outcome then = Outcome::changed;
    RunCause then_because = RunCause::retry;
};

/// The rows of each stage: run_scenarios_test.cpp runs them all, with its own ones of good runs and of stops.
std::vector<Scenario> platform_scenarios();
std::vector<Scenario> going_away_scenarios();
std::vector<Scenario> role_scenarios();
std::vector<Scenario> repository_scenarios();
std::vector<Scenario> clock_scenarios();
std::vector<Scenario> network_scenarios();
std::vector<Scenario> dpkg_scenarios();
std::vector<Scenario> puppet_scenarios();
std::vector<Scenario> health_scenarios();

/// A role config with which all goes well, with secrets in it; `more` is further members, each after a comma.
std::string role_config(const std::string& more = "");

/// An answer of the metadata service.
HttpResponse answer(int status, std::string body = "");

/// The error of a metadata service that is silent.
Error timed_out();

/// A child that fetches, and fails with this error.
Script fetch_error(const Error& error);

/// A child that fetches, and says that the checkout of this revision is there.
Script fetch_of(const std::string& revision);

/// A child that ends like this, and says nothing.
Script ends(ProcessResult result);

/// What the platform stage sleeps after each of its first `count` attempts.
std::vector<std::chrono::milliseconds> platform_delays(std::size_t count);

/// The machine of a row, and its runs. The row must outlive it.
class Play {
public:
    explicit Play(const Scenario& scenario);

    /// One run, as the agent starts it; what the runs before have left is there.
    RunReport run(RunCause cause = RunCause::retry);

    /// Takes the fault away. What is on disk stays, as it does on a real machine.
    void mend();

    /// Stops the run that goes on, and each later one until the fault is taken away.
    void request_stop() { stop_.request_stop(); }

    CapturedErrors log{};  ///< what the runs say to the journal
    FakeMachine machine{};

private:
    void arrange_stop();

    const Scenario& scenario_;
    std::stop_source stop_{};
};

/// Nothing that anybody but root may see, and nothing that a process's arguments show, holds a secret.
void check_no_secret(const Play& stage);

}  // namespace bootwright
