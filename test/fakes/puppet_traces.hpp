#pragma once

// What Puppet left, to be read.

#include "agent/puppet/result/reading.hpp"
#include "common/documents/json.hpp"
#include "common/files/file.hpp"
#include "test/fakes/fixtures.hpp"

#include <algorithm>
#include <charconv>
#include <string>
#include <vector>

namespace bootwright::reading_tests {

using namespace std::chrono_literals;

inline constexpr const char* checkout = "/var/lib/bootwright/checkout/0123456789abcdef0123456789abcdef01234567";

inline std::optional<std::string> fixture_if_exists(const std::string& name) {
    return read_file_if_exists(fixture_path(name), std::size_t{1} << 20U);
}

/// What a real Puppet 7.23 left: test/fixtures/puppet/NAME.
inline PuppetTraces recorded(const std::string& name) {
    const std::string folder = "puppet/" + name + "/";
    PuppetTraces traces{
        .process = {.duration = 12s},
        .summary = fixture_if_exists(folder + "last_run_summary.yaml"),
        .resources = fixture_if_exists(folder + "resources.txt"),
        .log = fixture(folder + "puppet.jsonl"),
        .observation = fixture_if_exists(folder + "observation.json").value_or("{\"phase\":\"compile\"}"),
        .output = fixture_if_exists(folder + "output").value_or(""),
        .folders = {checkout}};
    const std::string status = fixture(folder + "exit_status");
    std::from_chars(status.data(), status.data() + status.size(), traces.process.exit_code);
    return traces;
}

/// A run that changed two resources, to be altered.
inline PuppetTraces good() { return recorded("changed"); }

inline std::string log_line(const std::string& level, const std::string& message,
                            const std::string& source = "Puppet") {
    return to_line({{"level", level}, {"message", message}, {"source", source}}) + "\n";
}

inline bool mentions(const std::vector<std::string>& texts, const std::string& part) {
    return std::any_of(texts.begin(), texts.end(),
                       [&](const std::string& text) { return text.find(part) != std::string::npos; });
}

}  // namespace bootwright::reading_tests
