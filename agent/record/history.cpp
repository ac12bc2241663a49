#include "agent/record/history.hpp"

#include "agent/record/past.hpp"
#include "agent/role/shown_role.hpp"
#include "common/base/text.hpp"
#include "common/files/file.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <functional>
#include <system_error>
#include <utility>

namespace bootwright {

namespace fs = std::filesystem;

namespace {

constexpr const char* report_name = "report.json";
constexpr const char* role_config_name = "role_config.json";

fs::path runs_folder(const System& system) { return system.state() / "runs"; }
fs::path last_good_file(const System& system) { return system.state() / "last_good.json"; }

/// The numbers of the runs on disk, newest first.
std::vector<int> run_numbers(const System& system) {
    std::vector<int> numbers;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(runs_folder(system), error)) {
        const std::string name = entry.path().filename();
        int number = 0;
        const auto [end, status] = std::from_chars(name.data(), name.data() + name.size(), number);
        constexpr int highest = 999'999'999;  // the agent makes none beyond it
        if (status == std::errc() && end == name.data() + name.size() && number <= highest) {
            numbers.push_back(number);
        }
    }
    std::sort(numbers.begin(), numbers.end(), std::greater<>());
    return numbers;
}

std::uint64_t bytes_of(const fs::path& run) {
    std::uint64_t bytes = 0;
    std::error_code error;
    for (fs::recursive_directory_iterator at(run, error), end; !error && at != end; at.increment(error)) {
        std::error_code gone;
        const std::uintmax_t size = at->is_regular_file(gone) ? at->file_size(gone) : 0;
        const std::uintmax_t names = at->hard_link_count(gone);  // the same catalog in several runs
        bytes += gone || names == 0 ? 0 : size / names;
    }
    return bytes;
}

void keep_only_report(const fs::path& run) {
    std::vector<fs::path> others;
    std::error_code error;
    for (fs::directory_iterator at(run, error), end; !error && at != end; at.increment(error)) {
        const fs::path name = at->path().filename();
        if (name != report_name && name != role_config_name) {
            others.push_back(at->path());
        }
    }
    for (const fs::path& other : others) {
        remove_tree(other);
    }
}

}  // namespace

int next_run_number(const System& system) {
    const auto numbers = run_numbers(system);
    return std::max(numbers.empty() ? 0 : numbers.front(), last_remembered_run(system)) + 1;
}

std::vector<int> runs_after(const System& system, int number) {
    std::vector<int> numbers = run_numbers(system);
    numbers.erase(std::remove_if(numbers.begin(), numbers.end(), [&](int other) { return other <= number; }),
                  numbers.end());
    std::reverse(numbers.begin(), numbers.end());
    return numbers;
}

fs::path run_folder(const System& system, int number) {
    std::array<char, 16> name{};
    std::snprintf(name.data(), name.size(), "%06d", number);
    return runs_folder(system) / name.data();
}

void keep_role_config(const System& system, int number, const RoleConfig& role) {
    make_folder(run_folder(system, number), 0700);
    write_file(run_folder(system, number) / role_config_name, to_text(to_json(role)), 0600);
}

void keep_report(const System& system, const RunReport& report) {
    make_folder(run_folder(system, report.number), 0700);
    write_file(run_folder(system, report.number) / report_name, to_text(to_json(report)), 0600);
}

std::string name_of(const RoleConfig& role) { return hex_of(hash_of(to_line(to_json(role)))); }

std::optional<LastGood> read_last_good(const System& system) {
    constexpr std::size_t largest_file = std::size_t{8} << 20U;
    const Json json = parse_json(read_file_start(last_good_file(system), largest_file).value_or(""));
    const auto stored = json.is_object() ? json.find("instance") : json.end();
    auto instance = stored == json.end() ? std::nullopt : metadata_from_stored(*stored);
    const std::string revision = string_at(json, "revision");
    if (!instance || !is_commit_id(revision)) {
        return std::nullopt;
    }
    Revisions repositories;
    const Json& others = member_at(json, "repositories");
    for (auto it = others.begin(); others.is_object() && it != others.end(); ++it) {
        repositories[it.key()] = string_at(others, it.key().c_str());
    }
    return LastGood{static_cast<int>(number_at(json, "run")),
                    revision,
                    string_at(json, "configuration"),
                    string_at(json, "role_config"),
                    std::move(*instance),
                    std::move(repositories)};
}

void keep_last_good(const System& system, const LastGood& good) {
    const Json json{{"run", good.run},
                    {"revision", good.revision},
                    {"configuration", good.configuration},
                    {"repositories", good.repositories},
                    {"role_config", good.role_config},
                    {"instance", stored_json(good.instance)}};
    write_file(last_good_file(system), to_text(json), 0600);
}

void prune_history(const System& system, int keep, std::uint64_t most_bytes) {
    const auto numbers = run_numbers(system);
    std::uint64_t bytes = 0;
    for (std::size_t i = 0; i < numbers.size(); ++i) {
        const fs::path folder = run_folder(system, numbers[i]);
        if (i >= static_cast<std::size_t>(keep)) {
            remove_tree(folder);
            continue;
        }
        bytes += bytes_of(folder);
        if (i > 0 && bytes > most_bytes) {  // from here on, as it only grows
            keep_only_report(folder);
        }
    }
}

}  // namespace bootwright
