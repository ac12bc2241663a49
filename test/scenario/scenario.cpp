#include "test/scenario/scenario.hpp"

#include "agent/record/history.hpp"
#include "common/base/text.hpp"
#include "common/files/file.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <filesystem>
#include <utility>

using namespace std::chrono_literals;

namespace bootwright {

namespace {

constexpr const char* data_secret = "data-hunter2";

}  // namespace

std::string role_config(const std::string& more) {
    return R"({"role": "web", "data": {"password": ")" + std::string(data_secret) +
           R"("}, "repository": {"url": "https://user:)" + url_secret +
           R"(@git.example.com/puppet.git", "revision": ")" + pinned_revision + "\"}" + more + "}";
}

HttpResponse answer(int status, std::string body) { return {.status = status, .body = std::move(body)}; }

Error timed_out() { return transient_error("http.timeout", "no complete answer within 10.0 s", "check the service"); }

Script fetch_error(const Error& error) {
    return {.result = {.exit_code = 1}, .lines = {to_line({{"error", to_json(error)}})}};
}

Script fetch_of(const std::string& revision) { return {.lines = {to_line({{"checkout", {{"revision", revision}}}})}}; }

Script ends(ProcessResult result) { return {.result = std::move(result)}; }

std::vector<std::chrono::milliseconds> platform_delays(std::size_t count) {
    std::vector<std::chrono::milliseconds> delays;
    for (std::chrono::milliseconds bound = 250ms; delays.size() < count;
         bound = std::min<std::chrono::milliseconds>(2 * bound, 5s)) {
        delays.push_back(bound / 2);  // every random number is a half
    }
    return delays;
}

Play::Play(const Scenario& scenario) : scenario_(scenario) {
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

RunReport Play::run(RunCause cause) {
    RunRecord record(machine.system, next_run_number(machine.system));
    record.begins_because(cause, "");
    return bootwright::run(machine.system, record, {cause}, stop_.get_token());
}

void Play::mend() {
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
    machine.processes.answer("apply", recorded_puppet(scenario_.then == Outcome::changed ? "changed" : "unchanged"));
    stop_ = std::stop_source();
}

void Play::arrange_stop() {
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

}  // namespace bootwright
