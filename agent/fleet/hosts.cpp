#include "agent/fleet/hosts.hpp"

#include "agent/commands/command.hpp"
#include "common/base/encoding.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/files/file.hpp"

#include <fcntl.h>
#include <fnmatch.h>
#include <glob.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <set>
#include <utility>

namespace bootwright {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t largest_file = std::size_t{4} << 20U;
constexpr std::string_view white_space = " \t\r";

bool is_pattern(const std::string& word) { return word.find_first_of("*?") != std::string::npos; }

/// A name that ssh cannot take for an option, and no shell of a ProxyCommand for anything but a word.
bool is_host(const std::string& word) {
    constexpr std::size_t longest = 255;
    return is_made_of(word, "._-@:%/+", longest) && !word.starts_with('-') && !word.ends_with(':');
}

[[noreturn]] void refuse(const std::string& where, const std::string& word) {
    constexpr std::size_t most_shown = 60;
    throw UsageError{where + "\"" + shortened(printable(word), most_shown) +
                     "\" is no machine's name: expected letters, digits and . _ - @ : % / +, and no dash first"};
}

std::vector<std::string> words_of(std::string_view line, std::string_view separators) {
    std::vector<std::string> words;
    while (true) {
        const std::size_t begin = line.find_first_not_of(separators);
        if (begin == std::string_view::npos) {
            return words;
        }
        line.remove_prefix(begin);
        const std::size_t end = std::min(line.find_first_of(separators), line.size());
        words.emplace_back(line.substr(0, end));
        line.remove_prefix(end);
    }
}

std::string standard_input() {
    const UniqueFd input(fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0));
    if (!input) {
        throw system_call_error("read", "standard input", errno);
    }
    return read_open_file(input, "standard input", largest_file);
}

/// A line of ssh_config: its keyword in lower case, which white space or "=" ends, and its words, some in quotes.
std::pair<std::string, std::vector<std::string>> directive_of(std::string_view line) {
    line = trimmed(line);
    const std::size_t end = std::min(line.find_first_of(" \t="), line.size());
    const std::string keyword = lower(line.substr(0, end));
    line.remove_prefix(std::min(line.find_first_not_of(" \t=", end), line.size()));
    return {keyword, words_of(line, " \t\r\"")};
}

/// Reads ssh_config(5) as far as it names machines.
class SshConfig {
public:
    explicit SshConfig(const System& system) : system_(system) {
        const auto home = system.environment.find("HOME");
        home_ = home == system.environment.end() ? "" : home->second;
    }

    /// @param folder where the relative paths of Include lines begin
    void read(const fs::path& file, const std::string& folder) {  // NOLINT(misc-no-recursion): reads no file twice
        if (!read_.insert(file).second) {
            return;
        }
        for (const std::string& line : split(read_file_if_exists(file, largest_file).value_or(""), '\n')) {
            const auto [keyword, words] = directive_of(line);
            if (keyword == "host") {
                std::copy_if(words.begin(), words.end(), std::back_inserter(names), is_host);
            } else if (keyword == "include") {
                include(words, folder);
            }
        }
    }

    void read_all() {
        if (!home_.empty()) {
            read(system_.path(home_ + "/.ssh/config"), home_ + "/.ssh");
        }
        read(system_.path("/etc/ssh/ssh_config"), "/etc/ssh");
    }

    std::vector<std::string> names{};

private:
    void include(const std::vector<std::string>& words, const std::string& folder) {  // NOLINT(misc-no-recursion)
        for (const std::string& word : words) {
            const std::string path = word.starts_with("~/")  ? home_ + word.substr(1)
                                     : word.starts_with('/') ? word
                                                             : folder + "/" + word;
            glob_t found{};
            if (glob(system_.path(path).c_str(), 0, nullptr, &found) == 0) {
                for (std::size_t file = 0; file < found.gl_pathc; ++file) {
                    read(found.gl_pathv[file], folder);
                }
            }
            globfree(&found);
        }
    }

    const System& system_;
    std::string home_;
    std::set<fs::path> read_{};
};

void add_matching(const System& system, const std::string& pattern, std::vector<std::string>& hosts) {
    const std::size_t before = hosts.size();
    for (const std::string& name : hosts_of_ssh_config(system)) {
        if (fnmatch(pattern.c_str(), name.c_str(), 0) == 0) {
            hosts.push_back(name);
        }
    }
    if (hosts.size() == before) {
        throw UsageError{"no Host line of ~/.ssh/config or /etc/ssh/ssh_config has a name like " + pattern};
    }
}

}  // namespace

std::vector<std::string> hosts_of_list(const std::string& text, const std::string& called) {
    std::vector<std::string> hosts;
    std::size_t number = 0;
    bool is_skipped = false;
    for (const std::string& line : split(text, '\n')) {
        ++number;
        const std::vector<std::string> words = words_of(line, white_space);
        if (words.empty() || words.front().starts_with('#') || words.front().starts_with(';')) {
            continue;
        }
        if (words.front().starts_with('[')) {
            is_skipped = words.front().find(':') != std::string::npos;
        } else if (!is_skipped && !is_host(words.front())) {
            refuse(called + ":" + std::to_string(number) + ": ", words.front());
        } else if (!is_skipped) {
            hosts.push_back(words.front());
        }
    }
    return hosts;
}

std::vector<std::string> hosts_of_ssh_config(const System& system) {
    SshConfig config(system);
    config.read_all();
    return std::move(config.names);
}

std::vector<std::string> chosen_hosts(const System& system, const std::vector<std::string>& words,
                                      const std::string& list) {
    std::vector<std::string> hosts;
    for (const std::string& word : words) {
        std::string fixed = word;
        std::replace_if(
            fixed.begin(), fixed.end(), [](char c) { return c == '*' || c == '?'; }, 'x');
        if (!is_host(fixed)) {
            refuse("", word);
        }
        is_pattern(word) ? add_matching(system, word, hosts) : hosts.push_back(word);
    }
    if (!list.empty()) {
        const bool is_input = list == "-";
        const std::vector<std::string> more = hosts_of_list(is_input ? standard_input() : read_file(list, largest_file),
                                                            is_input ? "standard input" : list);
        hosts.insert(hosts.end(), more.begin(), more.end());
    }
    std::set<std::string> seen;
    hosts.erase(std::remove_if(hosts.begin(), hosts.end(), [&](const auto& host) { return !seen.insert(host).second; }),
                hosts.end());
    if (hosts.empty()) {
        throw UsageError{"which machines? Name them, or a file of them with --hosts FILE (- is standard input)"};
    }
    return hosts;
}

}  // namespace bootwright
