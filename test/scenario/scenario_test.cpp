// One table: each row is a machine with a fault, and what the run makes of it. The real run() over fakes of the network,
// of child processes and of time, with the real record on a real (temporary) disk. After each row the fault is taken away,
// and the next run must bring the instance where it belongs.

#include "agent/run/run.hpp"

#include "agent/record/history.hpp"
#include "agent/record/status_file.hpp"
#include "common/base/encoding.hpp"
#include "common/base/text.hpp"
#include "common/files/file.hpp"
#include "test/fakes/captured_errors.hpp"
#include "test/fakes/compressed.hpp"
#include "test/fakes/fake_machine.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>

#include <algorithm>
#include <functional>

using namespace bootwright;
using namespace std::chrono_literals;

namespace {

using Answers = std::vector<FakeHttp::Answer>;
using Script = FakeProcesses::Script;
using End = ProcessResult::End;

constexpr const char* token = "PUT /latest/api/token";
constexpr const char* identity = "GET /latest/dynamic/instance-identity/document";
constexpr const char* user_data = "GET /latest/user-data";

// Secrets that a role config may hold; they must show up nowhere.
constexpr const char* url_secret = "url-hunter2";
constexpr const char* data_secret = "data-hunter2";

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
    RunCause then_because = RunCause::planned;
};

std::string role_config(const std::string& more = "") {
    return R"({"role": "web", "data": {"password": ")" + std::string(data_secret) +
           R"("}, "repository": {"url": "https://user:)" + url_secret +
           R"(@git.example.com/puppet.git", "revision": ")" + pinned_revision + "\"}" + more + "}";
}

HttpResponse answer(int status, std::string body = "") { return {.status = status, .body = std::move(body)}; }

HttpResponse busy(const char* retry_after) { return {.status = 503, .headers = {{"retry-after", retry_after}}}; }

Error timed_out() { return transient_error("http.timeout", "no complete answer within 10.0 s", "check the service"); }

/// A child that fetches, and fails with this error.
Script fetch_error(const Error& error) {
    return {.result = {.exit_code = 1}, .lines = {to_line({{"error", to_json(error)}})}};
}

Script ends(ProcessResult result) { return {.result = result}; }

Script puppet_ends(const char* traces, ProcessResult result) {
    Script script = recorded_puppet(traces);
    script.result = result;
    return script;
}

std::vector<std::chrono::milliseconds> platform_delays(std::size_t count) {
    std::vector<std::chrono::milliseconds> delays;
    for (std::chrono::milliseconds bound = 250ms; delays.size() < count;
         bound = std::min<std::chrono::milliseconds>(2 * bound, 5s)) {
        delays.push_back(bound / 2);  // every random number is a half
    }
    return delays;
}

const std::vector<std::chrono::milliseconds> repository_delays{500ms, 1s, 2s, 4s};
const std::vector<std::chrono::milliseconds> puppet_delays{5s, 10s};

std::vector<Scenario> good_scenarios() {
    return {
        {.name = "all is well",
         .outcome = Outcome::changed,
         .status = {{"/instance/id", "i-1234567890abcdef0"},
                    {"/role", "web"},
                    {"/revision/asked", pinned_revision},
                    {"/revision/resolved", pinned_revision},
                    {"/resources/changed", 2},
                    {"/puppet_version", "7.23.0"}},
         .files = {"/var/lib/bootwright/runs/000001/report.json", "/var/lib/bootwright/runs/000001/role_config.json",
                   "/var/lib/bootwright/runs/000001/puppet.jsonl", "/var/lib/bootwright/last_good.json"}},
        {.name = "all is as it should be already",
         .puppet = {recorded_puppet("unchanged")},
         .outcome = Outcome::unchanged},
        {.name = "compressed user-data",
         .served_user_data = encode_base64(to_gzip(role_config())),
         .outcome = Outcome::changed},
        {.name = "user-data after two failures",
         .metadata = {{user_data, {answer(500), timed_out(), answer(200, role_config())}}},
         .outcome = Outcome::changed,
         .slept = platform_delays(2)},
        {.name = "a service that asks for patience",
         .metadata = {{user_data, {busy("20"), answer(200, role_config())}}},
         .outcome = Outcome::changed,
         .slept = {20s}},
        {.name = "a service that asks for more patience than anybody has",
         .metadata = {{user_data, {busy("86400"), answer(200, role_config())}}},
         .outcome = Outcome::changed,
         .slept = {10min}},
        {.name = "a token service that asks for patience",
         .metadata = {{token, {busy("20"), answer(200, "token")}}},
         .outcome = Outcome::changed,
         .slept = {20s}},
        {.name = "a token that expires in the middle",
         .metadata = {{user_data, {answer(401), answer(200, role_config())}}},
         .outcome = Outcome::changed},
        {.name = "a service of version 1, which the image allows",
         .agent_json = R"({"ec2": {"allow_imdsv1": true}})",
         .metadata = {{token, {answer(404)}}},
         .outcome = Outcome::changed},
        {.name = "no user-data, but an image that says everything",
         .agent_json = R"({"role_config": )" + role_config() + "}",
         .metadata = {{user_data, {answer(404)}}},
         .outcome = Outcome::changed},
        {.name = "a git server that is away at first",
         .fetch = {fetch_error(transient_error("server.unreachable", "no route", "check")), ends({.end = End::silent}),
                   good_fetch()},
         .outcome = Outcome::changed,
         .slept = {500ms, 1s}},
        {.name = "resources that fail at first",
         .puppet = {recorded_puppet("changed_with_failures"), recorded_puppet("unchanged")},
         .outcome = Outcome::unchanged,
         .slept = {5s},
         .status = {{"/failed_resources", Json::array()}, {"/resources/failed", 0}}},
        {.name = "a run folder whose status cannot be written",
         .damage = [](FakeMachine& machine) { machine.root.write("/run/bootwright", "a file"); },
         .mend = [](FakeMachine& machine) { machine.root.remove("/run/bootwright"); },
         .outcome = Outcome::changed,
         .files = {"/var/lib/bootwright/last_good.json"}},
        {.name = "noop that finds nothing to do",
         .served_user_data = role_config(R"(, "puppet": {"noop": true})"),
         .puppet = {recorded_puppet("unchanged")},
         .outcome = Outcome::unchanged},
        {.name = "a memory of the last good run that is damaged",
         .damage = [](FakeMachine& machine) { machine.root.write("/var/lib/bootwright/last_good.json", "{"); },
         .outcome = Outcome::changed},
    };
}

std::vector<Scenario> platform_scenarios() {
    const Stage stage = Stage::platform;
    return {
        {.name = "the image's configuration is damaged",
         .agent_json = "{\"platform\": \"ec2\",}",
         .code = "config.invalid",
         .stage = stage,
         .status = {{"/error/kind", "permanent"}, {"/instance", nullptr}}},
        {.name = "the image's configuration holds a number that no computer can hold",
         .agent_json = R"({"history": {"keep": 1e999}})",
         .code = "config.invalid",
         .stage = stage},
        {.name = "the image names a platform that does not exist",
         .agent_json = R"({"platform": "ec3"})",
         .code = "platform.unknown_name",
         .stage = stage},
        {.name = "a machine that nobody recognises",
         .damage = [](FakeMachine& machine) { machine.root.remove("/sys"); },
         .mend = [](FakeMachine& machine) { machine.root.copy(fixture_path("ec2/root-nitro")); },
         .code = "platform.not_recognised",
         .kind = ErrorKind::transient,
         .stage = stage,
         .attempt = 30,
         .slept = platform_delays(29)},
        {.name = "the metadata service is switched off",
         .metadata = {{token, {answer(403)}}},
         .code = "platform.metadata_disabled",
         .stage = stage},
        {.name = "a service of version 1, which the image does not allow",
         .metadata = {{token, {answer(404)}}},
         .code = "platform.token_missing",
         .stage = stage},
        {.name = "a metadata service that fails again and again",
         .metadata = {{user_data, {answer(500)}}},
         .code = "platform.unexpected_answer",
         .kind = ErrorKind::transient,
         .stage = stage,
         .attempt = 30,
         .slept = platform_delays(29),
         .status = {{"/attempts", 30}, {"/retry", nullptr}}},
        {.name = "a silence after connect",
         .metadata = {{token, {timed_out()}}},
         .code = "http.timeout",
         .kind = ErrorKind::transient,
         .stage = stage,
         .attempt = 30,
         .slept = platform_delays(29)},
        {.name = "a token that is refused again and again",
         .agent_json = R"({"retry": {"platform": {"attempts": 2}}})",
         .metadata = {{identity, {answer(401)}}},
         .code = "platform.token_refused",
         .kind = ErrorKind::transient,
         .stage = stage,
         .attempt = 2,
         .slept = platform_delays(1)},
        {.name = "a portal's page instead of the identity document",
         .agent_json = R"({"retry": {"platform": {"attempts": 2}}})",
         .metadata = {{identity, {answer(200, "<html>captive portal</html>")}}},
         .code = "platform.unexpected_answer",
         .kind = ErrorKind::transient,
         .stage = stage,
         .attempt = 2,
         .slept = platform_delays(1)},
        {.name = "a metadata service that redirects",
         .agent_json = R"({"retry": {"platform": {"attempts": 1}}})",
         .metadata = {{user_data,
                       {HttpResponse{.status = 302, .headers = {{"location", "http://evil.example.com/"}}}}}},
         .code = "platform.unexpected_answer",
         .kind = ErrorKind::transient,
         .stage = stage},
        {.name = "ten megabytes of user-data",
         .served_user_data = std::string(std::size_t{10} << 20U, '{'),
         .code = "http.too_large",
         .stage = stage},
    };
}

std::vector<Scenario> role_scenarios() {
    const auto row = [](const char* name, std::string text, const char* code) {
        return Scenario{
            .name = name,
            .served_user_data = std::move(text),
            .code = code,
            .stage = Stage::role,
            .status = {{"/error/stage", "role"},
                       {"/error/kind", "permanent"},
                       {"/role", nullptr},
                       {"/instance/id", "i-1234567890abcdef0"}},
            .files = {"/var/lib/bootwright/runs/000001/report.json"},
            .no_files = {"/var/lib/bootwright/runs/000001/puppet.jsonl", "/var/lib/bootwright/last_good.json"}};
    };
    return {
        {.name = "an instance without user-data",
         .metadata = {{user_data, {answer(404)}}},
         .code = "role.no_user_data",
         .stage = Stage::role},
        {.name = "an instance whose user-data is proven empty",
         .metadata = {{user_data, {answer(204)}}},
         .code = "role.no_user_data",
         .stage = Stage::role},
        row("user-data is empty", "", "role.no_user_data"),
        row("user-data is white space", " \r\n\t ", "role.no_user_data"),
        row("user-data is no JSON", "role: web\nrevision: main\n", "role.invalid"),
        row("user-data is JSON of another kind", "[\"web\"]", "role.invalid"),
        row("user-data is binary",
            std::string("\x7f"
                        "ELF\2\1\1\0\0",
                        9),
            "role.user_data_damaged"),
        row("user-data is truncated", role_config().substr(0, role_config().size() / 2), "role.invalid"),
        row("user-data is truncated gzip", to_gzip(role_config()).substr(0, 40), "role.user_data_damaged"),
        row("user-data is a gzip bomb", to_gzip(std::string(std::size_t{8} << 20U, ' ')), "role.user_data_damaged"),
        row("user-data is a script", "#!/bin/sh\nrm -rf /\n", "role.user_data_not_ours"),
        row("user-data is a cloud-config", "#cloud-config\npackages: []\n", "role.user_data_not_ours"),
        row("user-data has a wrong type", R"({"role": ["web"]})", "role.invalid"),
        row("user-data has an unknown key", R"({"rol": "web"})", "role.invalid"),
        row("user-data has a key twice", R"({"role": "web", "role": "db"})", "role.invalid"),
        row("user-data has a number that no computer can hold", R"({"facts": {"x": 1e999}})", "role.invalid"),
        row("user-data is nested without end", "{\"facts\": {\"x\": " + std::string(100000, '['), "role.invalid"),
        row("user-data has a key of a megabyte", "{\"" + std::string(1000000, 'k') + "\": 1}", "role.invalid"),
        row("user-data has a key of more than a megabyte, compressed",
            to_gzip("{\"" + std::string(1200000, 'k') + "\": 1}"), "role.invalid"),
        row("user-data names a branch, which the image does not allow",
            R"({"role": "web", "repository": {"url": "https://h/x", "revision": "main"}})", "role.invalid"),
        row("user-data lacks the repository", R"({"role": "web"})", "role.incomplete"),
        row("user-data gives Puppet no time at all", role_config(R"(, "puppet": {"timeout": "0s"})"), "role.invalid"),
        {.name = "the image's part of the role config is wrong",
         .agent_json = R"({"role_config": {"role": 5}})",
         .code = "config.invalid",
         .stage = Stage::role},
        {.name = "the state folder cannot be written",
         .damage = [](FakeMachine& machine) { machine.root.write("/var/lib/bootwright", "a file"); },
         .mend = [](FakeMachine& machine) { machine.root.remove("/var/lib/bootwright"); },
         .code = "io.failed",
         .kind = ErrorKind::transient,
         .stage = Stage::role},
    };
}

std::vector<Scenario> repository_scenarios() {
    const std::string secrets = "cannot read https://user:" + std::string(url_secret) + "@git.example.com/puppet.git";
    const auto permanent = [](const char* name, const char* code) {
        return Scenario{
            .name = name,
            .fetch = {fetch_error(permanent_error(code, "what", "do"))},
            .code = code,
            .stage = Stage::repository,
            .status = {{"/revision/asked", pinned_revision}, {"/revision/resolved", nullptr}, {"/role", "web"}},
            .files = {"/var/lib/bootwright/runs/000001/role_config.json"}};
    };
    const auto transient = [](const char* name, Script fetch, const char* code) {
        return Scenario{.name = name,
                        .fetch = {std::move(fetch)},
                        .code = code,
                        .kind = ErrorKind::transient,
                        .stage = Stage::repository,
                        .attempt = 5,
                        .slept = repository_delays};
    };
    return {
        permanent("a revision that is not there", "git.revision_not_found"),
        permanent("a repository that refuses", "server.access_denied"),
        permanent("a server that nobody can trust", "server.not_trusted"),
        permanent("a submodule", "repository.submodule"),
        transient("a host that refuses connections",
                  fetch_error(transient_error("server.unreachable", "connection refused", "check")),
                  "server.unreachable"),
        transient("a host that is silent", ends({.end = End::silent}), "server.stalled"),
        transient("a transfer that takes too long", ends({.end = End::timed_out}), "repository.timeout"),
        transient("a child that crashes in the middle",
                  {.result = {.end = End::killed_by_signal, .signal = 11},
                   .lines = {R"({"progress": {"what": "objects", "done": 7, "total": 9}})"}},
                  "repository.fetch_crashed"),
        transient("a child that ends without a word", ends({.exit_code = 0}), "repository.fetch_crashed"),
        transient("a child that says rubbish", {.lines = {"rubbish", R"({"progress": 1})", R"({"error": 1})"}},
                  "internal"),
        transient("a disk that is full while fetching",
                  fetch_error(transient_error("io.no_space", "cannot write: No space left on device", "free space")),
                  "io.no_space"),
        transient("a child that tells secrets, in its last words and in its error",
                  {.result = {.exit_code = 1},
                   .lines = {to_line({{"place", {{"place", "git.example.com"}, {"said", secrets}, {"seconds", 1}}}}),
                             to_line({{"error", to_json(transient_error("server.unreachable", secrets, "check"))}})},
                   .error_lines = {secrets}},
                  "server.unreachable"),
        transient("a repository on disk that cannot be mended",
                  fetch_error(transient_error("git.corrupt", "bad object", "nothing to do")), "git.corrupt"),
        transient("a child that cannot be started",
                  {.cannot_start = transient_error("process.cannot_start", "no memory", "free some")},
                  "process.cannot_start"),
    };
}

Error certificate_not_valid() {
    return transient_error("server.not_trusted", "certificate is not yet valid", "check the clock");
}

/// The clock is not synchronised, until the n-th sleep.
std::function<void(FakeMachine&)> clock_is_set_at(std::size_t n) {
    return [n](FakeMachine& machine) {
        machine.clock.synchronised = false;
        machine.clock.on_sleep = [&machine, n](std::size_t number) { machine.clock.synchronised = number >= n; };
    };
}

/// What is slept while something is waited for, and in vain, before the attempts go on.
std::vector<std::chrono::milliseconds> patience_of(std::chrono::milliseconds longest) {
    std::vector<std::chrono::milliseconds> slept(static_cast<std::size_t>(longest / 250ms), 250ms);
    slept.insert(slept.end(), repository_delays.begin(), repository_delays.end());
    return slept;
}

std::vector<Scenario> clock_scenarios() {
    return {
        {.name = "a clock that is set a little later: no attempt is used up",
         .fetch = {fetch_error(certificate_not_valid()), good_fetch()},
         .damage = clock_is_set_at(3),
         .outcome = Outcome::changed,
         .slept = {250ms, 250ms, 250ms},
         .status = {{"/waiting", nullptr}}},
        {.name = "a clock that systemd-timesyncd has set",
         .fetch = {fetch_error(certificate_not_valid())},
         .damage =
             [](FakeMachine& machine) {
                 machine.clock.synchronised = false;
                 machine.root.write("/run/systemd/timesync/synchronized", "");
             },
         .code = "server.not_trusted",
         .kind = ErrorKind::transient,
         .stage = Stage::repository,
         .attempt = 5,
         .slept = repository_delays},
        {.name = "a clock that systemd-timesyncd has not set, whatever the kernel says",
         .fetch = {fetch_error(certificate_not_valid()), good_fetch()},
         .damage =
             [](FakeMachine& machine) {
                 machine.root.make_folder("/run/systemd/timesync");
                 machine.clock.on_sleep = [&machine](std::size_t) {
                     machine.root.write("/run/systemd/timesync/synchronized", "");
                 };
             },
         .outcome = Outcome::changed,
         .slept = {250ms}},
        {.name = "a clock that nobody sets is waited for once",
         .fetch = {fetch_error(certificate_not_valid())},
         .damage = clock_is_set_at(100000),
         .code = "server.not_trusted",
         .kind = ErrorKind::transient,
         .stage = Stage::repository,
         .attempt = 5,
         .slept = patience_of(5min)},
        {.name = "a right clock, and a certificate that has expired",
         .fetch = {fetch_error(certificate_not_valid())},
         .code = "server.not_trusted",
         .kind = ErrorKind::transient,
         .stage = Stage::repository,
         .attempt = 5,
         .slept = repository_delays},
        {.name = "another error while the clock is not set",
         .fetch = {fetch_error(permanent_error("server.not_trusted", "what", "do"))},
         .damage = clock_is_set_at(100000),
         .code = "server.not_trusted",
         .stage = Stage::repository},
        {.name = "stopped while waiting for the clock",
         .fetch = {fetch_error(certificate_not_valid())},
         .damage = [](FakeMachine& machine) { machine.clock.synchronised = false; },
         .stop_at = "sleep",
         .outcome = Outcome::interrupted,
         .code = "stopped",
         .kind = ErrorKind::stopped,
         .stage = Stage::repository,
         .slept = {250ms}},
    };
}

constexpr const char* no_routes =
    "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n";

/// What the kernel says of the network before the n-th sleep, and after it.
std::function<void(FakeMachine&)> network_comes_at(std::size_t n, const char* file, const std::string& before,
                                                   const std::string& after) {
    return [=](FakeMachine& machine) {
        machine.root.write("/proc/net/route", no_routes);
        machine.root.write(file, before);
        machine.clock.on_sleep = [=, &machine](std::size_t number) {
            if (number == n) {
                machine.root.write(file, after);
            }
        };
    };
}

std::vector<Scenario> network_scenarios() {
    const auto unreachable = fetch_error(transient_error("server.unreachable", "no route", "check it"));
    const std::string link_local =
        std::string(no_routes) + "eth0\t0000FEA9\t00000000\t0001\t0\t0\t1002\t0000FFFF\t0\t0\t0\n";
    const std::string default_route = link_local + "eth0\t00000000\t0100630A\t0003\t0\t0\t1024\t00000000\t0\t0\t0\n";
    const std::string own =
        "00000000000000000000000000000001 01 80 10 80       lo\n"
        "fe800000000000005054fffffe000001 02 40 20 80     eth0\n";
    const std::string global = own + "20010db8000000000000000000000005 02 80 00 00     eth0\n";
    return {
        {.name = "an address that comes a little later: no attempt is used up",
         .fetch = {unreachable, good_fetch()},
         .damage = network_comes_at(3, "/proc/net/route", link_local, default_route),
         .outcome = Outcome::changed,
         .slept = {250ms, 250ms, 250ms},
         .status = {{"/waiting", nullptr}}},
        {.name = "an address of IPv6 alone",
         .fetch = {unreachable, good_fetch()},
         .damage = network_comes_at(2, "/proc/net/if_inet6", own, global),
         .outcome = Outcome::changed,
         .slept = {250ms, 250ms}},
        {.name = "a network that never comes is waited for once",
         .fetch = {unreachable},
         .damage = network_comes_at(0, "/proc/net/if_inet6", own, own),
         .code = "server.unreachable",
         .kind = ErrorKind::transient,
         .stage = Stage::repository,
         .attempt = 5,
         .slept = patience_of(2min)},
        {.name = "an address, and a server that cannot be reached",
         .fetch = {unreachable},
         .damage = network_comes_at(0, "/proc/net/route", default_route, default_route),
         .code = "server.unreachable",
         .kind = ErrorKind::transient,
         .stage = Stage::repository,
         .attempt = 5,
         .slept = repository_delays},
        {.name = "what has nothing to do with the network does not wait for it",
         .fetch = {fetch_error(transient_error("io.no_space", "full", "free space"))},
         .damage = network_comes_at(0, "/proc/net/if_inet6", own, own),
         .code = "io.no_space",
         .kind = ErrorKind::transient,
         .stage = Stage::repository,
         .attempt = 5,
         .slept = repository_delays},
        {.name = "the network first, then the clock",
         .fetch = {unreachable, fetch_error(certificate_not_valid()), good_fetch()},
         .damage =
             [=](FakeMachine& machine) {
                 network_comes_at(1, "/proc/net/route", link_local, default_route)(machine);
                 machine.clock.synchronised = false;
                 const auto network = machine.clock.on_sleep;
                 machine.clock.on_sleep = [&machine, network](std::size_t number) {
                     network(number);
                     machine.clock.synchronised = number >= 2;
                 };
             },
         .outcome = Outcome::changed,
         .slept = {250ms, 250ms}},
    };
}

std::vector<Scenario> going_away_scenarios() {
    const auto with_notice = [](const char* name, const char* path, const char* body) {
        std::map<std::string, Answers> answers{{"GET /latest/meta-data/spot/instance-action", {answer(404)}}};
        answers[std::string("GET /latest/meta-data/") + path] = {answer(200, body)};
        return Scenario{.name = name,
                        .metadata = answers,
                        .puppet = {ends({.exit_code = 1})},
                        .mend =
                            [path](FakeMachine& machine) {
                                machine.http.answer_status(std::string("GET /latest/meta-data/") + path, 404);
                            },
                        .outcome = Outcome::interrupted,
                        .code = "platform.going_away",
                        .kind = ErrorKind::stopped,
                        .stage = Stage::puppet,
                        .status = {{"/revision/resolved", pinned_revision}, {"/error/retry_after_ms", 600000}},
                        .no_files = {"/var/lib/bootwright/runs/000001/puppet.jsonl"}};
    };
    return {
        with_notice("a spot interruption", "spot/instance-action",
                    R"({"action": "terminate", "time": "2026-11-22T21:33:00Z"})"),
        with_notice("the end in an Auto Scaling group", "autoscaling/target-lifecycle-state", "Terminated"),
        {.name = "a warm pool's instance is configured before it is stopped",
         .metadata = {{"GET /latest/meta-data/spot/instance-action", {answer(404)}},
                      {"GET /latest/meta-data/autoscaling/target-lifecycle-state", {answer(200, "Warmed:Stopped")}}},
         .outcome = Outcome::changed},
        {.name = "no answer is no notice",
         .metadata = {{"GET /latest/meta-data/spot/instance-action", {timed_out()}}},
         .outcome = Outcome::changed},
        {.name = "rubbish is no notice",
         .metadata = {{"GET /latest/meta-data/spot/instance-action", {answer(200, "rubbish")}}},
         .outcome = Outcome::changed},
    };
}

/// dpkg was killed in the middle of its work; its work is to remove what it left, or not.
Scenario interrupted_dpkg(const char* name, bool mends, int exit_code) {
    return {.name = name,
            .damage =
                [=](FakeMachine& machine) {
                    machine.root.write("/usr/bin/dpkg", "", 0755);
                    machine.root.write("/var/lib/dpkg/updates/0001", "Package: x\n");
                    machine.processes.answer("--configure", {.result = {.exit_code = exit_code},
                                                             .lines = {"Setting up x (1.0) ..."},
                                                             .work = [&machine, mends](const ProcessRequest&) {
                                                                 if (mends) {
                                                                     machine.root.remove("/var/lib/dpkg/updates/0001");
                                                                 }
                                                             }});
                },
            .mend = [](FakeMachine& machine) { machine.root.remove("/var/lib/dpkg/updates/0001"); },
            .outcome = Outcome::changed};
}

std::vector<Scenario> dpkg_scenarios() {
    std::vector<Scenario> scenarios{
        interrupted_dpkg("dpkg was interrupted, and is mended", true, 0),
        interrupted_dpkg("dpkg was interrupted, and a package cannot be configured: that is Puppet's affair", true, 1),
        interrupted_dpkg("dpkg was interrupted, and cannot be mended", false, 2)};
    scenarios[0].status = {{"/waiting", nullptr}};
    Scenario& stuck = scenarios[2];
    stuck.outcome = Outcome::not_reached;
    stuck.code = "puppet.dpkg_interrupted";
    stuck.kind = ErrorKind::transient;
    stuck.stage = Stage::puppet;
    stuck.attempt = 3;
    stuck.slept = puppet_delays;
    return scenarios;
}

std::vector<Scenario> puppet_scenarios() {
    const auto once = [](const char* name, Script puppet, Outcome outcome, const char* code) {
        return Scenario{.name = name,
                        .puppet = {std::move(puppet)},
                        .outcome = outcome,
                        .code = code,
                        .stage = Stage::puppet,
                        .status = {{"/revision/resolved", pinned_revision}, {"/error/stage", "puppet"}},
                        .no_files = {"/var/lib/bootwright/last_good.json"}};
    };
    const auto thrice = [&](const char* name, Script puppet, Outcome outcome, const char* code) {
        Scenario scenario = once(name, std::move(puppet), outcome, code);
        scenario.kind = ErrorKind::transient;
        scenario.attempt = 3;
        scenario.slept = puppet_delays;
        return scenario;
    };
    Scenario disabled =
        once("a Puppet that somebody disabled", recorded_puppet("changed"), Outcome::not_reached, "puppet.disabled");
    disabled.damage = [](FakeMachine& machine) {
        machine.root.write("/opt/puppetlabs/puppet/cache/state/agent_disabled.lock",
                           R"({"disabled_message": "by Ada"})");
    };
    disabled.mend = [](FakeMachine& machine) { machine.root.remove("/opt"); };
    Scenario missing =
        once("a machine without Puppet", recorded_puppet("changed"), Outcome::not_reached, "puppet.not_installed");
    missing.damage = [](FakeMachine& machine) { machine.root.remove("/usr/bin/puppet"); };
    missing.mend = [](FakeMachine& machine) { machine.root.write("/usr/bin/puppet", "", 0755); };
    Scenario noop =
        once("noop that finds differences", recorded_puppet("noop_drift"), Outcome::noop_drift, "puppet.noop_drift");
    noop.served_user_data = role_config(R"(, "puppet": {"noop": true})");
    Scenario state = thrice("a state folder of Puppet that cannot be made", recorded_puppet("changed"),
                            Outcome::not_reached, "io.failed");
    state.damage = [](FakeMachine& machine) { machine.root.write("/var/lib/bootwright/puppet", "a file"); };
    state.mend = [](FakeMachine& machine) { machine.root.remove("/var/lib/bootwright/puppet"); };
    // The agent by itself would not try these again: what they rest on has not changed.
    const auto for_good = [&](const char* name, const char* traces, Outcome outcome, const char* code) {
        Scenario scenario = once(name, recorded_puppet(traces), outcome, code);
        scenario.then_because = RunCause::asked_for;
        return scenario;
    };
    Scenario compile =
        for_good("a catalog that does not compile", "compile_error", Outcome::compile_failed, "puppet.compile_failed");
    compile.status["/resources"] = nullptr;
    Scenario failed = thrice("a resource that fails", recorded_puppet("changed_with_failures"),
                             Outcome::changed_with_failures, "puppet.resources_failed");
    failed.status["/failed_resources/0/resource"] = "Exec[/bin/false]";
    failed.status["/failed_resources/0/file"] = "manifests/site.pp";
    failed.status["/failed_resources/0/line"] = 2;
    return {
        compile,
        failed,
        for_good("a syntax error", "syntax_error", Outcome::compile_failed, "puppet.compile_failed"),
        for_good("a role that no class takes", "empty", Outcome::nothing_applied, "puppet.nothing_applied"),
        noop,
        disabled,
        missing,
        state,
        thrice("resources that all fail", recorded_puppet("failed"), Outcome::failed, "puppet.resources_failed"),
        thrice("a failed resource that Puppet calls a success", puppet_ends("failed", {.exit_code = 0}),
               Outcome::failed, "puppet.resources_failed"),
        thrice("an exec that hangs", puppet_ends("changed", {.end = End::timed_out, .duration = 1h}),
               Outcome::timed_out, "puppet.timeout"),
        thrice("a Puppet that is killed for its memory",
               puppet_ends("changed", {.end = End::killed_by_signal, .signal = 9}), Outcome::killed, "puppet.killed"),
        thrice("a disk that is full before the catalog", recorded_puppet("disk_full_at_start"), Outcome::failed,
               "puppet.run_failed"),
        thrice("a disk that is full while compiling", recorded_puppet("disk_full_while_compiling"), Outcome::failed,
               "puppet.run_failed"),
        thrice("a disk that is full at the report", recorded_puppet("disk_full_at_report"), Outcome::failed,
               "puppet.run_failed"),
        thrice("a disk that is full at the summary", ends({.exit_code = 2}), Outcome::failed, "puppet.no_summary"),
        thrice("a Puppet that cannot be started",
               {.cannot_start = transient_error("process.cannot_start", "no memory", "free some")},
               Outcome::not_reached, "process.cannot_start"),
    };
}

/// The checks of a role config, beside Puppet's good end.
std::vector<Scenario> health_scenarios() {
    const std::string checks = R"(, "health": {"timeout": "2s", "checks": [{"unit": "nginx.service"}]})";
    const Script active{.lines = {"active"}};
    const Script inactive{.result = {.exit_code = 3}, .lines = {"inactive"}};
    const auto row = [&](const char* name, std::vector<Script> answers) {
        return Scenario{.name = name,
                        .served_user_data = role_config(checks),
                        .damage = [answers](FakeMachine& machine) { machine.processes.answer("is-active", answers); },
                        .outcome = Outcome::changed};
    };
    Scenario good = row("a check that is good", {active});
    good.status = {{"/health/0/ok", true}, {"/health/0/said", "active"}, {"/health/0/check", "unit nginx.service"}};
    Scenario late = row("a check that is good after some time", {inactive, inactive, active});
    late.slept = {250ms, 500ms};
    Scenario unchanged = row("a check where Puppet found nothing to do", {active});
    unchanged.puppet = {recorded_puppet("unchanged")};
    unchanged.outcome = Outcome::unchanged;
    Scenario bad = row("a check that never is good", {inactive});
    bad.code = "health.failed";
    bad.kind = ErrorKind::transient;
    bad.stage = Stage::health;
    bad.slept = {250ms, 500ms, 1s, 250ms};
    bad.status = {{"/error/stage", "health"}, {"/health/0/ok", false}, {"/resources/changed", 2}};
    bad.no_files = {"/var/lib/bootwright/last_good.json"};
    Scenario noop = row("a check under noop", {active});
    noop.served_user_data = role_config(R"(, "puppet": {"noop": true})" + checks);
    noop.puppet = {recorded_puppet("unchanged")};
    noop.outcome = Outcome::unchanged;
    noop.status = {{"/health/0/ok", true}};
    Scenario failed = row("a check, and an apply that failed before it", {active});
    failed.puppet = {recorded_puppet("compile_error")};
    failed.outcome = Outcome::compile_failed;
    failed.code = "puppet.compile_failed";
    failed.stage = Stage::puppet;
    failed.status = {{"/health", Json::array()}};
    Scenario stopped = row("a stop while the health stage waits", {inactive});
    stopped.stop_at = "sleep";
    stopped.outcome = Outcome::interrupted;
    stopped.code = "stopped";
    stopped.kind = ErrorKind::stopped;
    stopped.stage = Stage::health;
    stopped.slept = {250ms};
    return {good, late, unchanged, bad, noop, failed, stopped};
}

std::vector<Scenario> stop_scenarios() {
    const auto stopped = [](const char* name, const char* at, Stage stage) {
        return Scenario{.name = name,
                        .stop_at = at,
                        .outcome = Outcome::interrupted,
                        .code = "stopped",
                        .kind = ErrorKind::stopped,
                        .stage = stage,
                        .files = {"/var/lib/bootwright/runs/000001/report.json"},
                        .no_files = {"/var/lib/bootwright/last_good.json"}};
    };
    Scenario platform_wait = stopped("a stop while the platform stage waits", "sleep", Stage::platform);
    platform_wait.metadata = {{user_data, {answer(500)}}};
    platform_wait.slept = platform_delays(1);
    Scenario repository_wait = stopped("a stop while the repository stage waits", "sleep", Stage::repository);
    repository_wait.fetch = {ends({.end = End::silent})};
    repository_wait.slept = {500ms};
    Scenario puppet_wait = stopped("a stop while the puppet stage waits", "sleep", Stage::puppet);
    puppet_wait.puppet = {recorded_puppet("changed_with_failures")};
    puppet_wait.slept = {5s};
    puppet_wait.status = {{"/failed_resources/0/resource", "Exec[/bin/false]"}};
    return {
        stopped("a stop before anything has begun", "start", Stage::platform),
        stopped("a stop while the service is asked for a token", token, Stage::platform),
        stopped("a stop while the service is asked for user-data", user_data, Stage::platform),
        stopped("a stop while the child fetches", "bootwright-fetch", Stage::repository),
        stopped("a stop while Puppet applies", "apply", Stage::puppet),
        platform_wait,
        repository_wait,
        puppet_wait,
    };
}

std::vector<Scenario> all_scenarios() {
    std::vector<Scenario> all;
    for (auto part : {good_scenarios(), platform_scenarios(), role_scenarios(), repository_scenarios(),
                      clock_scenarios(), network_scenarios(), going_away_scenarios(), dpkg_scenarios(),
                      puppet_scenarios(), health_scenarios(), stop_scenarios()}) {
        std::move(part.begin(), part.end(), std::back_inserter(all));
    }
    return all;
}

/// The machine of a row, and its runs.
class Play {
public:
    explicit Play(const Scenario& scenario) : scenario_(scenario) {
        machine.http.answer(user_data, role_config());
        if (!scenario.agent_json.empty()) {
            machine.root.write("/etc/bootwright/agent.json", scenario.agent_json);
        }
        for (const auto& [key, answers] : scenario.metadata) {
            machine.http.answer(key, answers);
        }
        if (scenario.served_user_data) {
            machine.http.answer(user_data, *scenario.served_user_data);
        }
        if (!scenario.fetch.empty()) {
            machine.processes.answer("bootwright-fetch", scenario.fetch);
        }
        if (!scenario.puppet.empty()) {
            machine.processes.answer("apply", scenario.puppet);
        }
        if (scenario.damage) {
            scenario.damage(machine);
        }
        arrange_stop();
    }

    RunReport run(RunCause cause = RunCause::planned) {
        RunRecord record(machine.system, next_run_number(machine.system));
        return bootwright::run(machine.system, record, cause, stop_.get_token());
    }

    /// Takes the fault away. What is on disk stays, as it does on a real machine.
    void mend() {
        if (scenario_.mend) {
            scenario_.mend(machine);
        }
        machine.root.remove("/etc/bootwright/agent.json");
        machine.http.on_request = nullptr;
        machine.clock.on_sleep = nullptr;
        machine.http.answer(token, "token");
        machine.http.answer(identity, fixture("ec2/identity-document.json"));
        machine.http.answer(user_data, role_config());
        machine.processes.answer("bootwright-fetch", good_fetch());
        machine.processes.answer("apply",
                                 recorded_puppet(scenario_.then == Outcome::changed ? "changed" : "unchanged"));
        stop_ = std::stop_source();
    }

    void request_stop() { stop_.request_stop(); }

    CapturedErrors log{};  ///< what the runs say to the journal
    FakeMachine machine{};

private:
    void arrange_stop() {
        const std::string at = scenario_.stop_at;
        if (at == "start") {
            stop_.request_stop();
        } else if (at == "sleep") {
            machine.clock.on_sleep = [this](std::size_t) { stop_.request_stop(); };
        } else if (at == "bootwright-fetch" || at == "apply") {
            machine.processes.answer(at, {.work = [this](const ProcessRequest&) { stop_.request_stop(); }});
        } else if (!at.empty()) {
            machine.http.on_request = [this, at](const std::string& key) {
                if (key == at) {
                    stop_.request_stop();
                }
            };
        }
    }

    const Scenario& scenario_;
    std::stop_source stop_{};
};

/// Nothing that anybody but root may see, and nothing that a process's arguments show, holds a secret.
void check_no_secret(const Play& stage) {
    const FakeMachine& machine = stage.machine;
    std::vector<std::string> texts{stage.log.text()};
    for (const char* file : {"/run/bootwright/status.json", "/var/lib/bootwright/last_good.json"}) {
        if (machine.root.exists(file) && machine.root.exists("/run/bootwright/status.json")) {
            texts.push_back(machine.root.read(file));
        }
    }
    std::error_code error;
    for (const auto& run : std::filesystem::directory_iterator(machine.root.path("/var/lib/bootwright/runs"), error)) {
        texts.push_back(read_file_if_exists(run.path() / "report.json", std::size_t{1} << 20U).value_or(""));
    }
    for (const ProcessRequest& request : machine.processes.requests) {
        texts.push_back(joined(request.arguments, " "));
        for (const auto& [name, value] : request.environment) {
            texts.push_back(name + "=" + value);
        }
    }
    const auto holds_secret = [](const std::string& text) {
        return text.find(url_secret) != std::string::npos || text.find(data_secret) != std::string::npos;
    };
    CHECK(std::none_of(texts.begin(), texts.end(), holds_secret));
}

}  // namespace

TEST_CASE("a run with a fault ends as it should, and the next one without it converges") {
    const Scenario row = GENERATE(from_range(all_scenarios()));
    CAPTURE(row.name);
    Play stage(row);

    const RunReport report = stage.run();
    CHECK(std::string(report.error ? report.error->code : "") == row.code);
    CHECK(report.is_good() == std::string(row.code).empty());
    CHECK(to_string(report.puppet.outcome) == to_string(row.outcome));
    CHECK(to_string(report.stage) == to_string(row.stage));
    CHECK(report.attempt == row.attempt);
    CHECK(stage.machine.clock.slept == row.slept);
    if (report.error) {
        CHECK(report.error->kind == row.kind);
        CHECK_FALSE(report.error->message.empty());
        CHECK_FALSE(report.error->advice.empty());
    }

    // The status says the same, in a file that is valid whatever happened.
    const StatusFile status_file(stage.machine.system);
    const Json status = status_file.read();
    if (row.damage == nullptr || stage.machine.root.exists("/run/bootwright/status.json")) {
        const Json& run = status.at("run");
        REQUIRE(run.is_object());
        CHECK(run.at("state") == "finished");
        CHECK(run.at("outcome") == to_string(row.outcome));
        CHECK((run.at("error").is_null() ? "" : run.at("error").at("code")) == row.code);
        CHECK(run.at("heartbeat").at("monotonic_s") == run.at("finished").at("monotonic_s"));
        CHECK(status.at("configured").is_null() == !report.is_good());
        for (const auto& [pointer, value] : row.status) {
            CAPTURE(pointer);
            CHECK(run.value(Json::json_pointer(pointer), Json("(absent)")) == value);
        }
    }
    for (const char* file : row.files) {
        CAPTURE(file);
        CHECK(stage.machine.root.exists(file));
    }
    for (const char* file : row.no_files) {
        CAPTURE(file);
        CHECK_FALSE(stage.machine.root.exists(file));
    }
    check_no_secret(stage);

    stage.mend();
    const RunReport next = stage.run(row.then_because);
    CHECK(to_string(next.puppet.outcome) == to_string(row.then));
    CHECK(next.is_good());
    const Json then = status_file.read();
    CHECK(then.at("run").at("number") == next.number);
    CHECK(then.at("configured").at("run") == next.number);
    CHECK(then.at("configured").at("revision") == pinned_revision);
    CHECK(then.at("run").at("error").is_null());
    CHECK(read_last_good(stage.machine.system).value().revision == pinned_revision);
    check_no_secret(stage);
}

TEST_CASE("a run that changes nothing after one that did is unchanged") {
    const Scenario row{.name = "good", .then = Outcome::unchanged};
    Play stage(row);
    CHECK(stage.run().puppet.outcome == Outcome::changed);
    stage.mend();
    CHECK(stage.run().puppet.outcome == Outcome::unchanged);
}

TEST_CASE("a failure after a good run leaves the instance configured as it was") {
    const Scenario row{.name = "good"};
    Play stage(row);
    REQUIRE(stage.run().is_good());
    stage.machine.processes.answer("bootwright-fetch",
                                   fetch_error(permanent_error("git.revision_not_found", "what", "do")));
    const RunReport failed = stage.run();
    CHECK(failed.number == 2);
    CHECK_FALSE(failed.is_good());
    const Json status = StatusFile(stage.machine.system).read();
    CHECK(status.at("configured").at("run") == 1);
    CHECK(read_last_good(stage.machine.system).value().revision == pinned_revision);
}

TEST_CASE("the last good checkout is protected in the next run") {
    const Scenario row{.name = "good"};
    Play stage(row);
    stage.run();
    stage.run();
    const auto children = stage.machine.processes.started("bootwright-fetch");
    REQUIRE(children.size() == 2);
    CHECK(Json::parse(children[0].input).at("protect") == Json{""});
    CHECK(Json::parse(children[1].input).at("protect") == Json{pinned_revision});
}

TEST_CASE("the status shows each wait while it lasts") {
    const Scenario row{.name = "away", .fetch = {ends({.end = End::silent}), good_fetch()}};
    Play stage(row);
    Json seen;
    stage.machine.clock.on_sleep = [&](std::size_t) { seen = StatusFile(stage.machine.system).read().at("run"); };
    stage.run();
    CHECK(seen.at("state") == "running");
    CHECK(seen.at("stage") == "repository");
    CHECK(seen.at("attempt") == 1);
    CHECK(seen.at("attempts") == 5);
    CHECK(seen.at("retry").at("delay_s") == 0.5);
    CHECK(seen.at("retry").at("error").at("code") == "server.stalled");
    CHECK(seen.at("retry").at("at").at("monotonic_s") == 5.5);
    CHECK(seen.at("role") == "web");
}

TEST_CASE("the history keeps as many runs as configuration says") {
    const Scenario row{.name = "good", .agent_json = R"({"history": {"keep": 2}})"};
    Play stage(row);
    for (int i = 0; i < 4; ++i) {
        CHECK(stage.run().number == i + 1);
    }
    CHECK_FALSE(stage.machine.root.exists("/var/lib/bootwright/runs/000002"));
    CHECK(stage.machine.root.exists("/var/lib/bootwright/runs/000003"));
    CHECK(stage.machine.root.exists("/var/lib/bootwright/runs/000004"));
}

TEST_CASE("a history that cannot be kept does not make a good run bad") {
    const Scenario row{.name = "full",
                       .puppet = {[] {
                           Script script = recorded_puppet("changed");
                           script.work = [](const ProcessRequest& request) {
                               leave_traces("changed", request);
                               // The report cannot be renamed over a folder.
                               std::filesystem::create_directory(
                                   std::filesystem::path(option_of(request, "publicdir")) / "report.json");
                           };
                           return script;
                       }()}};
    Play stage(row);
    const RunReport report = stage.run();
    CHECK(report.is_good());
    REQUIRE_FALSE(report.warnings.empty());
    CHECK(report.warnings.back().find("record is not complete") != std::string::npos);
    CHECK(StatusFile(stage.machine.system).read().at("configured").at("run") == 1);
}

TEST_CASE("a rebooted machine whose metadata service is dead goes by the role config that was accepted, and says so") {
    const Scenario row{.name = "dead service"};
    Play stage(row);
    REQUIRE(stage.run().is_good());
    stage.machine.root.write("/proc/sys/kernel/random/boot_id", "b0071d00-0000-4000-8000-000000000002\n");
    stage.machine.http.answer(token, {timed_out()});
    const RunReport report = stage.run();
    CHECK(report.is_good());
    REQUIRE(report.kept);
    CHECK(report.kept->because.code == "http.timeout");
    CHECK(report.role == "web");
    CHECK(report.instance->instance_id == "i-1234567890abcdef0");
    CHECK(stage.machine.clock.slept.size() == 4);  // not for minutes
    const Json kept = StatusFile(stage.machine.system).read().at("run").at("kept");
    CHECK(kept.at("because").at("code") == "http.timeout");
    CHECK(kept.at("because").at("stage") == "platform");
    check_no_secret(stage);
}

TEST_CASE("a copy of the disk does not go by what was accepted elsewhere: it waits for its own metadata") {
    const Scenario row{.name = "a copy"};
    Play stage(row);
    REQUIRE(stage.run().is_good());
    stage.machine.root.write("/proc/sys/kernel/random/boot_id", "b0071d00-0000-4000-8000-000000000002\n");
    stage.machine.root.write("/sys/class/dmi/id/product_uuid", "ec200000-0000-4000-8000-000000000002\n");
    stage.machine.http.answer(token, {timed_out()});
    const RunReport report = stage.run();
    CHECK_FALSE(report.kept);
    CHECK(report.error->code == "http.timeout");
    CHECK(stage.machine.clock.slept.size() == 29);
    CHECK(stage.machine.processes.started("apply").size() == 1);
}

TEST_CASE("another instance id is a first boot: nothing of the instance that the image was taken from stays") {
    const Scenario row{.name = "another instance"};
    Play stage(row);
    REQUIRE(stage.run().is_good());
    stage.machine.root.write("/var/lib/bootwright/puppet/var/state/x", "stale");
    stage.machine.http.answer(identity, R"({"instanceId": "i-other"})");
    stage.machine.http.answer(user_data, "{\"rol\": 1}");
    const RunReport report = stage.run();
    CHECK_FALSE(report.kept);  // what another instance was accepted with means nothing here
    CHECK(report.error->code == "role.invalid");
    REQUIRE(report.warnings.size() == 1);
    CHECK(report.warnings[0].find("i-1234567890abcdef0") != std::string::npos);
    CHECK_FALSE(read_last_good(stage.machine.system));
    CHECK_FALSE(stage.machine.root.exists("/var/lib/bootwright/runs/000001"));
    CHECK_FALSE(stage.machine.root.exists("/var/lib/bootwright/puppet/var/state/x"));
    CHECK_FALSE(stage.machine.root.exists("/var/lib/bootwright/instance.json"));
}

TEST_CASE("a role config that is refused leaves the machine on the one before, and the run is not good") {
    const Scenario row{.name = "refused"};
    Play stage(row);
    REQUIRE(stage.run().is_good());
    stage.machine.http.answer(user_data, R"({"role": "db", "rol": 1})");
    const RunReport report = stage.run();
    CHECK_FALSE(report.is_good());
    CHECK(report.error->code == "role.invalid");
    CHECK(report.stage == Stage::role);
    REQUIRE(report.kept);
    CHECK(report.role == "web");
    CHECK(report.puppet.outcome == Outcome::changed);  // the old one was applied
    CHECK(stage.machine.processes.started("apply").size() == 2);
    const Json status = StatusFile(stage.machine.system).read();
    CHECK(status.at("run").at("error").at("stage") == "role");
    CHECK(status.at("configured").at("run") == 1);
    CHECK(read_last_good(stage.machine.system).value().run == 1);
    const RunReport again = stage.run();
    CHECK(again.fingerprint == report.fingerprint);  // what was seen is the refused one: no watch wakes up for it again
    stage.mend();
    CHECK(stage.run().is_good());
}

TEST_CASE("a first run with a role config that is refused applies nothing") {
    const Scenario row{.name = "refused at first"};
    Play stage(row);
    stage.machine.http.answer(user_data, R"({"role": "db", "rol": 1})");
    CHECK(stage.run().error->code == "role.invalid");
    CHECK(stage.machine.processes.started("apply").empty());
}

namespace {

constexpr const char* configuration_revision = "fedcba9876543210fedcba9876543210fedcba98";

/// User-data that says nothing but where the instance's configuration is.
std::string only_configuration() {
    return to_line({{"configuration",
                     {{"url", "https://user:" + std::string(url_secret) + "@git.example.com/instances.git"},
                      {"revision", configuration_revision},
                      {"path", "eu/web.json"}}}});
}

/// A child that fetches the configuration repository, in which there is this file.
Script fetch_of_configuration(const FakeMachine& machine, const std::string& path, const std::string& content) {
    const std::string folder = "/var/lib/bootwright/configuration/" + std::string(configuration_revision);
    machine.root.write(folder + "/" + path, content);
    return {
        .lines = {R"({"place": {"place": "https://git.example.com/instances.git", "said": "gave it", "seconds": 1}})",
                  to_line({{"checkout", {{"revision", configuration_revision}, {"signer", ""}}}})}};
}

}  // namespace

TEST_CASE("a file of a second repository says what the instance is to be") {
    const Scenario row{.name = "configuration", .served_user_data = only_configuration()};
    Play stage(row);
    stage.machine.processes.answer("bootwright-fetch",
                                   {fetch_of_configuration(stage.machine, "eu/web.json", role_config()), good_fetch()});
    const RunReport report = stage.run();
    CHECK(report.is_good());
    CHECK(report.role == "web");
    CHECK(report.configuration_asked == configuration_revision);
    CHECK(report.configuration_resolved == configuration_revision);
    CHECK(report.revision_resolved == pinned_revision);
    const auto children = stage.machine.processes.started("bootwright-fetch");
    REQUIRE(children.size() == 2);
    const auto state = stage.machine.system.state();
    CHECK(Json::parse(children[0].input).at("checkouts") == (state / "configuration").string());
    CHECK(Json::parse(children[0].input).at("revision") == configuration_revision);
    CHECK(Json::parse(children[1].input).at("checkouts") == (state / "checkout").string());
    CHECK(std::filesystem::read_symlink(state / "configuration/current") == configuration_revision);
    const Json run = StatusFile(stage.machine.system).read().at("run");
    CHECK(run.at("configuration") == Json{{"asked", configuration_revision}, {"resolved", configuration_revision}});
    CHECK(run.at("places").at(0).at("said") == "gave it");
    check_no_secret(stage);
}

TEST_CASE("a configuration repository without the file applies nothing, and says where it looked") {
    const Scenario row{.name = "no file", .served_user_data = only_configuration()};
    Play stage(row);
    stage.machine.processes.answer("bootwright-fetch",
                                   {fetch_of_configuration(stage.machine, "us/web.json", role_config()), good_fetch()});
    const RunReport report = stage.run();
    REQUIRE(report.error);
    CHECK(report.error->code == "role.no_configuration_file");
    CHECK(report.error->kind == ErrorKind::permanent);
    CHECK(report.error->message.find("eu/web.json") != std::string::npos);
    CHECK(stage.machine.processes.started("apply").empty());
    stage.mend();
    CHECK(stage.run().is_good());
}

TEST_CASE("a second repository of which no file is read is fetched all the same") {
    const Scenario row{
        .name = "data",
        .served_user_data = role_config(R"(, "configuration": {"url": "https://h/data.git", "revision": ")" +
                                        std::string(configuration_revision) + "\"}")};
    Play stage(row);
    stage.machine.processes.answer("bootwright-fetch",
                                   {fetch_of_configuration(stage.machine, "common.yaml", "a: 1\n"), good_fetch()});
    CHECK(stage.run().is_good());
    CHECK(stage.machine.processes.started("bootwright-fetch").size() == 2);
}

TEST_CASE("who signed the revision, and what each place said, is in the status") {
    const Scenario row{.name = "signed"};
    Play stage(row);
    stage.machine.processes.answer(
        "bootwright-fetch",
        {.lines = {
             R"({"place": {"place": "https://git.example.com/puppet.git", "said": "it is away", "seconds": 2.5}})",
             R"({"place": {"place": "s3://bucket/x", "said": "gave it", "seconds": 0.5}})",
             to_line({{"checkout", {{"revision", pinned_revision}, {"signer", "ann@example.com"}}}})}});
    CHECK(stage.run().is_good());
    const Json run = StatusFile(stage.machine.system).read().at("run");
    CHECK(run.at("signer") == "ann@example.com");
    CHECK(run.at("configuration").is_null());
    CHECK(run.at("places") ==
          Json{{{"place", "https://git.example.com/puppet.git"}, {"said", "it is away"}, {"took_s", 2.5}},
               {{"place", "s3://bucket/x"}, {"said", "gave it"}, {"took_s", 0.5}}});
}

namespace {

constexpr const char* newer_revision = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

std::string newer_role_config(const std::string& more = "") {
    std::string text = role_config(more);
    return text.replace(text.find(pinned_revision), std::string(pinned_revision).size(), newer_revision);
}

constexpr const char* back_to_last_good = R"(, "puppet": {"on_failure": "last_good"})";

Script fetch_of(const std::string& revision) { return {.lines = {to_line({{"checkout", {{"revision", revision}}}})}}; }

/// A machine that was good at the pinned revision, and is to be at a newer one now.
class NewerRevision : public Play {
public:
    explicit NewerRevision(const std::string& more = "") : Play(row_) {
        REQUIRE(run().is_good());
        machine.http.answer(user_data, newer_role_config(more));
        machine.processes.answer("bootwright-fetch", fetch_of(newer_revision));
    }
    /// What Puppet makes of the newer one, and then of the old one, in each run.
    void puppet(const std::vector<Script>& newer, const std::vector<Script>& old = {}) {
        std::vector<Script> scripts = newer;
        scripts.insert(scripts.end(), old.begin(), old.end());
        machine.processes.answer("apply", scripts);
        if (!old.empty()) {
            machine.processes.answer("bootwright-fetch", {fetch_of(newer_revision), fetch_of(pinned_revision)});
        }
    }
    [[nodiscard]] std::vector<std::string> applied() const {
        std::vector<std::string> revisions;
        for (const ProcessRequest& request : machine.processes.started("apply")) {
            revisions.push_back(option_of(request, "config_version").substr(std::string("/bin/echo ").size()));
        }
        return revisions;
    }
    [[nodiscard]] Json status() const { return StatusFile(machine.system).read(); }

private:
    inline static const Scenario row_{.name = "newer"};
};

using Revisions = std::vector<std::string>;

}  // namespace

TEST_CASE("a revision that does not compile is named, and not tried again as long as nothing changes") {
    NewerRevision stage;
    stage.puppet({recorded_puppet("compile_error")});
    CHECK(stage.run().puppet.outcome == Outcome::compile_failed);
    const Json bad = stage.status().at("run").at("bad");
    CHECK(bad.at("revision") == newer_revision);
    CHECK(bad.at("given_up") == true);
    CHECK(bad.at("run") == 2);
    CHECK(bad.at("error").at("code") == "puppet.compile_failed");

    const RunReport again = stage.run();
    CHECK(stage.applied() == Revisions{pinned_revision, newer_revision});
    REQUIRE(again.error);
    CHECK(again.error->code == "puppet.given_up");
    CHECK(again.error->kind == ErrorKind::permanent);
    CHECK(again.error->message.find("in run 2") != std::string::npos);
    CHECK(again.error->message.find("does not compile") != std::string::npos);
    CHECK(again.stage == Stage::puppet);
    CHECK(stage.status().at("run").at("bad").at("run") == 2);
    CHECK(stage.status().at("configured").at("revision") == pinned_revision);
    CHECK(stage.machine.root.mode("/var/lib/bootwright/bad_revisions.json") == 0600);
    check_no_secret(stage);
}

TEST_CASE(
    "what is given up is tried again when the revision, the role config or the facts change, or an operator asks") {
    NewerRevision stage;
    stage.puppet({recorded_puppet("compile_error")});
    stage.run();
    const auto tries = [&] {
        const std::size_t before = stage.applied().size();
        stage.run();
        return stage.applied().size() > before;
    };
    CHECK_FALSE(tries());
    SECTION("another revision") {
        const std::string other(40, 'b');
        std::string text = role_config();
        text.replace(text.find(pinned_revision), other.size(), other);
        stage.machine.http.answer(user_data, text);
        stage.machine.processes.answer("bootwright-fetch", fetch_of(other));
        CHECK(tries());
    }
    SECTION("the role config") {
        stage.machine.http.answer(user_data, newer_role_config(R"(, "facts": {"datacenter": "eu"})"));
        CHECK(tries());
    }
    SECTION("the instance's metadata, which are facts") {
        stage.machine.http.answer("GET /latest/meta-data/local-hostname", "renamed.ec2.internal");
        CHECK(tries());
    }
    SECTION("an upgraded system") {
        stage.machine.root.write("/etc/os-release", "VERSION_ID=13\n");
        CHECK(tries());
    }
    SECTION("a fact that somebody has put there") {
        stage.machine.root.write("/etc/facter/facts.d/x.txt", "x=1\n");
        CHECK(tries());
    }
    SECTION("a reboot") {
        stage.machine.root.write("/proc/sys/kernel/random/boot_id", "b0071d00-0000-4000-8000-000000000002\n");
        CHECK(tries());
    }
    SECTION("an operator") {
        CHECK(stage.run(RunCause::asked_for).puppet.outcome == Outcome::compile_failed);
        CHECK(stage.status().at("run").at("bad").at("failures") == 2);
    }
    SECTION("an operator, after the cause is gone: from then on it is tried by plan again") {
        stage.puppet({recorded_puppet("changed")});
        CHECK(stage.run(RunCause::asked_for).is_good());
        CHECK(tries());
        CHECK(stage.status().at("run").at("bad").is_null());
    }
}

TEST_CASE("a revision that failed twice to apply is given up where there is one to go back to") {
    NewerRevision stage;
    stage.puppet({recorded_puppet("changed_with_failures")});
    const RunReport report = stage.run();
    CHECK(report.attempt == 2);
    CHECK(report.error->code == "puppet.resources_failed");
    CHECK(report.error->kind == ErrorKind::permanent);
    CHECK(report.puppet.outcome == Outcome::changed_with_failures);
    CHECK(report.bad.value().failures == 2);
    CHECK(stage.run().error->code == "puppet.given_up");
    CHECK(stage.applied() == Revisions{pinned_revision, newer_revision, newer_revision});
}

TEST_CASE("a machine that was never good goes on trying a revision whose resources fail") {
    const Scenario row{.name = "first", .puppet = {recorded_puppet("failed")}};
    Play stage(row);
    CHECK(stage.run().error->kind == ErrorKind::transient);
    const RunReport again = stage.run();
    CHECK(again.error->code == "puppet.resources_failed");
    CHECK(again.bad.value().failures == 6);
    CHECK_FALSE(again.bad->is_given_up);
}

TEST_CASE("failures that are not the revision's do not count against it") {
    NewerRevision stage;
    stage.puppet({ends({.exit_code = 2})});  // a full disk
    const RunReport report = stage.run();
    CHECK(report.error->code == "puppet.no_summary");
    CHECK_FALSE(report.bad);
}

TEST_CASE("on_failure last_good: the last good revision is applied again, and the run is not good") {
    NewerRevision stage(back_to_last_good);
    stage.puppet({recorded_puppet("compile_error")}, {recorded_puppet("unchanged")});
    const RunReport report = stage.run();
    CHECK(stage.applied() == Revisions{pinned_revision, newer_revision, pinned_revision});
    CHECK_FALSE(report.is_good());
    CHECK(report.error->code == "puppet.compile_failed");
    CHECK(report.puppet.outcome == Outcome::compile_failed);
    CHECK(report.revision_resolved == newer_revision);
    CHECK(report.stage == Stage::puppet);
    REQUIRE(report.instead);
    CHECK(report.instead->run == 1);
    CHECK(report.instead->revision == pinned_revision);
    CHECK(report.instead->puppet.outcome == Outcome::unchanged);
    const Json status = stage.status();
    CHECK(status.at("run").at("instead").at("revision") == pinned_revision);
    CHECK(status.at("run").at("instead").at("outcome") == "unchanged");
    CHECK(status.at("configured").at("run") == 1);
    CHECK(read_last_good(stage.machine.system).value().run == 1);
    // Puppet's traces of both are there.
    CHECK(stage.machine.root.exists("/var/lib/bootwright/runs/000002/puppet.jsonl"));
    CHECK(stage.machine.root.exists("/var/lib/bootwright/runs/000002/last_good/puppet.jsonl"));
    check_no_secret(stage);

    // Each later run converges to it again, and does not touch the bad one.
    stage.puppet({}, {recorded_puppet("changed")});
    const RunReport later = stage.run();
    CHECK(later.error->code == "puppet.given_up");
    CHECK(later.instead.value().puppet.outcome == Outcome::changed);
    CHECK(stage.applied() == Revisions{pinned_revision, newer_revision, pinned_revision, pinned_revision});
}

TEST_CASE("on_failure last_good: the last good revision comes with the role config of then") {
    NewerRevision stage;
    stage.machine.http.answer(user_data,
                              role_config(R"(, "facts": {"x": "new"}, "puppet": {"on_failure": "last_good"})"));
    stage.machine.processes.answer("bootwright-fetch", fetch_of(pinned_revision));
    std::vector<std::string> facts;
    const auto noted = [&](const char* traces) {
        Script script = recorded_puppet(traces);
        script.work = [&facts, work = script.work](const ProcessRequest& request) {
            facts.push_back(
                read_file_if_exists(option_of(request, "pluginfactdest") + "/bootwright.json", 65536).value());
            work(request);
        };
        return script;
    };
    stage.machine.processes.answer("apply", {noted("compile_error"), noted("unchanged")});
    CHECK(stage.run().instead.value().puppet.outcome == Outcome::unchanged);
    REQUIRE(facts.size() == 2);
    CHECK(facts[0].find("\"x\"") != std::string::npos);
    CHECK(facts[1].find("\"x\"") == std::string::npos);
}

TEST_CASE("on_failure last_good: a last good revision that fails too is told besides") {
    NewerRevision stage(back_to_last_good);
    stage.puppet({recorded_puppet("compile_error")}, {recorded_puppet("failed")});
    const RunReport report = stage.run();
    CHECK(report.error->code == "puppet.compile_failed");
    CHECK(report.instead.value().puppet.error.value().code == "puppet.resources_failed");
}

TEST_CASE("on_failure last_good: one that is no longer to be had is told besides") {
    NewerRevision stage(back_to_last_good);
    stage.puppet({recorded_puppet("compile_error")});
    stage.machine.processes.answer(
        "bootwright-fetch",
        {fetch_of(newer_revision), fetch_error(permanent_error("git.revision_not_found", "what", "do"))});
    const RunReport report = stage.run();
    CHECK(report.error->code == "puppet.compile_failed");
    CHECK(report.instead.value().puppet.error.value().code == "git.revision_not_found");
    CHECK(report.instead->puppet.outcome == Outcome::not_reached);
}

TEST_CASE("on_failure last_good: where the last good run was of the very same, there is nothing else to apply") {
    const Scenario row{.name = "same", .served_user_data = role_config(back_to_last_good)};
    Play stage(row);
    REQUIRE(stage.run().is_good());
    stage.machine.processes.answer("apply", recorded_puppet("failed"));
    const RunReport report = stage.run();
    CHECK(report.error->kind == ErrorKind::transient);
    CHECK(report.attempt == 3);
    CHECK_FALSE(report.instead);
}

TEST_CASE("on_failure last_good: a stop in its midst is a stop") {
    NewerRevision stage(back_to_last_good);
    stage.puppet({recorded_puppet("compile_error")}, {{.work = [&](const ProcessRequest&) { stage.request_stop(); }}});
    const RunReport report = stage.run();
    CHECK(report.error->kind == ErrorKind::stopped);
    CHECK(report.puppet.outcome == Outcome::interrupted);
}

TEST_CASE("a memory of bad revisions that is damaged, or cannot be kept, changes nothing about the run") {
    NewerRevision stage;
    stage.puppet({recorded_puppet("compile_error")});
    for (const char* text : {"", "{", "[1, {}]", R"([{"inputs": 1}])"}) {
        stage.machine.root.write("/var/lib/bootwright/bad_revisions.json", text);
        CHECK(stage.run(RunCause::asked_for).error->code == "puppet.compile_failed");
    }
    stage.machine.root.remove("/var/lib/bootwright/bad_revisions.json");
    stage.machine.root.write("/var/lib/bootwright/bad_revisions.json/in-the-way", "");
    const RunReport report = stage.run();
    CHECK(report.error->code == "puppet.compile_failed");
    REQUIRE_FALSE(report.warnings.empty());
    CHECK(report.warnings.back().find("is not kept") != std::string::npos);
}

TEST_CASE("the data that others read is that of the last good run, until a newer catalog compiles") {
    const std::string newer_configuration = "cccccccccccccccccccccccccccccccccccccccc";
    const auto wants = [&](const std::string& revision) {
        return role_config(R"(, "configuration": {"url": "https://h/data.git", "revision": ")" + revision + "\"}");
    };
    const Scenario row{.name = "data", .served_user_data = wants(configuration_revision)};
    Play stage(row);
    const auto link = stage.machine.system.state() / "configuration/current";
    stage.machine.processes.answer("bootwright-fetch",
                                   {fetch_of_configuration(stage.machine, "common.yaml", "a: 1\n"), good_fetch()});
    REQUIRE(stage.run().is_good());
    stage.machine.http.answer(user_data, wants(newer_configuration));
    std::string seen;
    Script compile = recorded_puppet("compile_error");
    compile.work = [&, work = compile.work](const ProcessRequest& request) {
        seen = std::filesystem::read_symlink(link);
        work(request);
    };
    const std::vector<Script> fetches{fetch_of(newer_configuration), good_fetch(), fetch_of(newer_configuration),
                                      good_fetch()};
    stage.machine.processes.answer("bootwright-fetch", fetches);
    stage.machine.processes.answer("apply", compile);
    CHECK(stage.run().bad.value().configuration == newer_configuration);
    CHECK(seen == newer_configuration);  // what is compiled is the newer one
    CHECK(std::filesystem::read_symlink(link) == configuration_revision);
    CHECK(stage.run().error->code == "puppet.given_up");
    CHECK(std::filesystem::read_symlink(link) == configuration_revision);
}

TEST_CASE("what Puppet did is told, also where the note of reboots cannot be written after it") {
    const Scenario row{.name = "no note",
                       .puppet = {[] {
                           Script script = recorded_puppet("changed");
                           script.work = [](const ProcessRequest& request) {
                               leave_traces("changed", request);
                               const auto state =
                                   std::filesystem::path(option_of(request, "publicdir")).parent_path().parent_path();
                               std::filesystem::remove(state / "applying.json");
                               std::filesystem::create_directories(state / "applying.json/in-the-way");
                           };
                           return script;
                       }()}};
    Play stage(row);
    const RunReport report = stage.run();
    CHECK(report.is_good());
    CHECK(report.puppet.outcome == Outcome::changed);
    REQUIRE_FALSE(report.warnings.empty());
    CHECK(report.warnings.front().find("is not kept") != std::string::npos);
    CHECK(stage.machine.processes.started("apply").size() == 1);
}
