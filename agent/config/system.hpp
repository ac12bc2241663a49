#pragma once

#include "common/base/clock.hpp"
#include "common/net/http.hpp"
#include "common/processes/process.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace bootwright {

/// The outside world, in one place: tests replace it.
struct System {
    HttpClient& http;
    ProcessRunner& processes;
    Clock& clock;
    std::function<double()> random;                  ///< in [0, 1)
    std::filesystem::path root;                      ///< "/", or a tree that stands for it (tests, captured machines)
    std::filesystem::path fetch_program;             ///< bootwright-fetch, for the child that fetches
    std::filesystem::path ruby_folder;               ///< what the agent loads into Puppet's Ruby: observe.rb
    std::map<std::string, std::string> environment;  ///< of the agent's process

    /// Another program of the package, in the folder of fetch_program.
    [[nodiscard]] std::filesystem::path program(std::string_view name) const {
        return std::filesystem::path(fetch_program).replace_filename(name);
    }

    /// `absolute` ("/etc/bootwright") below the root.
    [[nodiscard]] std::filesystem::path path(std::string_view absolute) const {
        return root / std::filesystem::path(absolute).relative_path();
    }

    // What stands on disk; docs/files.md describes each.
    [[nodiscard]] std::filesystem::path configuration() const { return path("/etc/bootwright"); }
    [[nodiscard]] std::filesystem::path runtime() const { return path("/run/bootwright"); }
    [[nodiscard]] std::filesystem::path state() const { return path("/var/lib/bootwright"); }
};

/// What a stage with a child at work tells whoever follows the run.
struct StageEvents {
    std::function<void(std::string_view what, std::uint64_t done, std::uint64_t total)> progress;
    std::function<void(ProcessId child)> child_started;
    /// It waits for something outside, such as another program's lock, for at most `longest`; "": it no longer waits.
    std::function<void(const std::string& what, std::chrono::milliseconds longest)> waiting{};
    std::function<void(const std::string& text)> warning{};
};

}  // namespace bootwright
