#include "test/fakes/fake_puppet.hpp"

#include "common/files/file.hpp"
#include "test/fakes/fixtures.hpp"

#include <charconv>
#include <cstddef>
#include <filesystem>
#include <sstream>
#include <string_view>

namespace bootwright {

std::string option_of(const ProcessRequest& request, std::string_view name) {
    const std::string prefix = "--" + std::string(name) + "=";
    for (const std::string& argument : request.arguments) {
        if (argument.starts_with(prefix)) {
            return argument.substr(prefix.size());
        }
    }
    return "";
}

namespace {

/// What was recorded names files of an environment where it stood then; this one stands elsewhere.
std::string moved(std::string text, const std::string& environment) {
    constexpr std::string_view then = "/var/lib/bootwright/checkout/0123456789abcdef0123456789abcdef01234567/";
    for (std::size_t at = text.find(then); at != std::string::npos; at = text.find(then, at + environment.size())) {
        text.replace(at, then.size(), environment);
    }
    return text;
}

}  // namespace

void leave_traces(const std::string& name, const ProcessRequest& request) {
    const std::string environment =
        option_of(request, "environmentpath") + "/" + option_of(request, "environment") + "/";
    const auto copy = [&](const char* file, const std::filesystem::path& target) {
        constexpr std::size_t largest = std::size_t{1} << 20U;
        if (const auto text = read_file_if_exists(fixture_path("puppet/" + name) / file, largest)) {
            write_file(target, moved(*text, environment), 0600);
        }
    };
    copy("puppet.jsonl", option_of(request, "logdest"));
    copy("last_run_summary.yaml", std::filesystem::path(option_of(request, "publicdir")) / "last_run_summary.yaml");
    copy("resources.txt", option_of(request, "resourcefile"));
    copy("observation.json", std::filesystem::path(option_of(request, "publicdir")) / "observation.json");
}

FakeProcesses::Script recorded_puppet(const std::string& name) {
    const std::string status = fixture("puppet/" + name + "/exit_status");
    FakeProcesses::Script script;
    std::from_chars(status.data(), status.data() + status.size(), script.result.exit_code);
    script.work = [name](const ProcessRequest& request) { leave_traces(name, request); };
    std::istringstream output(
        read_file_if_exists(fixture_path("puppet/" + name + "/output"), std::size_t{1} << 20U).value_or(""));
    for (std::string line; std::getline(output, line);) {
        script.error_lines.push_back(line);
    }
    return script;
}

}  // namespace bootwright
