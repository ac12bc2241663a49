#include "test/fakes/fake_processes.hpp"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <utility>

namespace bootwright {

namespace {

std::string key_of(const ProcessRequest& request) {
    return request.arguments.size() > 1 ? request.arguments[1]
                                        : std::filesystem::path(request.arguments.at(0)).filename().string();
}

}  // namespace

void FakeProcesses::answer(const std::string& key, std::vector<Script> scripts) {
    scripts_[key] = {std::move(scripts), 0};
}

void FakeProcesses::answer(const std::string& key, Script script) {
    answer(key, std::vector<Script>{std::move(script)});
}

ProcessResult FakeProcesses::run(const ProcessRequest& request, const ProcessEvents& events, std::stop_token stop) {
    requests.push_back(request);
    const std::string key = key_of(request);
    const auto found = scripts_.find(key);
    if (found == scripts_.end() || found->second.scripts.empty()) {
        throw transient_error("process.cannot_start", "no script for " + key, "write one");
    }
    Scripts& scripts = found->second;
    // A copy: what the script does may replace the script.
    const Script script = scripts.scripts[std::min(scripts.used++, scripts.scripts.size() - 1)];
    if (script.cannot_start) {
        throw *script.cannot_start;
    }
    if (events.started) {
        events.started({4242, 99});
    }
    if (script.work) {
        script.work(request);
    }
    for (const std::string& line : script.lines) {
        if (events.bytes) {
            events.bytes(line + "\n");
        } else if (events.line) {
            events.line(line);
        }
    }
    for (const std::string& line : script.error_lines) {
        if (events.error_line) {
            events.error_line(line);
        }
    }
    if (stop.stop_requested()) {
        return {.end = ProcessResult::End::stopped, .signal = 15};
    }
    return script.result;
}

std::vector<ProcessRequest> FakeProcesses::started(const std::string& key) const {
    std::vector<ProcessRequest> found;
    std::copy_if(requests.begin(), requests.end(), std::back_inserter(found),
                 [&](const ProcessRequest& request) { return key_of(request) == key; });
    return found;
}

}  // namespace bootwright
