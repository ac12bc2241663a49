#include "test/scenario/scenario.hpp"

#include "agent/record/status_file.hpp"
#include "agent/run/run.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace std::chrono_literals;

namespace bootwright {

namespace {

const std::vector<std::chrono::milliseconds> repository_delays{500ms, 1s, 2s, 4s};

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

}  // namespace

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
          Json::parse(
              R"([{"place": "https://git.example.com/puppet.git", "of": null, "module": null, "said": "it is away",
                           "took_s": 2.5},
                          {"place": "s3://bucket/x", "of": null, "module": null, "said": "gave it", "took_s": 0.5}])"));
}

}  // namespace bootwright
