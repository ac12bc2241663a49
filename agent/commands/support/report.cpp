#include "agent/commands/command.hpp"
#include "agent/commands/output.hpp"
#include "agent/commands/support/capture.hpp"
#include "agent/commands/support/known_secrets.hpp"
#include "agent/config/config.hpp"
#include "agent/doctor/doctor.hpp"
#include "agent/record/history.hpp"
#include "common/base/clock.hpp"
#include "common/base/encoding.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/base/version.hpp"
#include "common/files/file.hpp"
#include "common/files/tar.hpp"
#include "common/files/work_folder.hpp"
#include "common/net/redactor.hpp"

#include <algorithm>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace bootwright {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t largest_part = std::size_t{8} << 20U;

/// What goes into the archive, and a list of it.
class Parts {
public:
    explicit Parts(Redactor secrets) : secrets_(std::move(secrets)) {}

    /// The end of a longer text.
    void add(const std::string& path, std::string_view text, const std::string& what) {
        const bool is_cut = text.size() > largest_part;
        const std::string_view end = is_cut ? text.substr(text.size() - largest_part) : text;
        files_.push_back({.path = path, .content = secrets_.cleaned(end)});
        index_ += path + (is_cut ? " (only its end): " : ": ") + what + "\n";
    }

    void add_if_there(const std::string& path, const fs::path& file, const std::string& what) {
        try_to(path, [&] {
            if (const auto text = read_file_end(file, largest_part)) {
                add(path, *text, what);
            } else {
                left_out(path, "there is none");
            }
        });
    }

    /// What cannot be had is no reason not to have the rest.
    void try_to(const std::string& path, const std::function<void()>& action) {
        try {
            action();
        } catch (const Error& error) {
            left_out(path, error.message);
        }
    }

    void left_out(const std::string& path, const std::string& why) { lacks_ += path + ": " + printable(why) + "\n"; }

    /// All, with what stands in it first.
    [[nodiscard]] std::vector<PackedFile> finish(const std::string& heading) const {
        std::vector<PackedFile> all{
            {.path = "README.txt",
             .content = secrets_.cleaned(heading + "\nIn here:\n" + index_ + "\nNot in here:\n" + lacks_)}};
        all.insert(all.end(), files_.begin(), files_.end());
        return all;
    }

private:
    Redactor secrets_;
    std::vector<PackedFile> files_{};
    std::string index_{};
    std::string lacks_{};
};

void add_runs(const System& system, Parts& parts) {
    constexpr std::ptrdiff_t most = 10;
    std::vector<int> runs = runs_after(system, 0);
    runs.erase(runs.begin(), runs.end() - std::min(most, std::ssize(runs)));
    for (const int number : runs) {
        parts.add_if_there("runs/" + std::to_string(number) + ".json", run_folder(system, number) / "report.json",
                           "the report of that run");
    }
}

void add_journal(const System& system, Parts& parts) {
    parts.try_to("journal.txt", [&] {
        std::string text;
        const auto keep = [&](std::string_view line) {
            if (text.size() < 2 * largest_part) {
                text += printable(line) + "\n";
            }
        };
        const ProcessResult result =
            system.processes.run({.arguments = {"/usr/bin/journalctl", "--unit=bootwright.service", "--no-pager",
                                                "--output=short-iso", "--lines=20000"},
                                  .environment = {{"PATH", "/usr/bin:/bin"}, {"LC_ALL", "C.UTF-8"}},
                                  .timeout = std::chrono::seconds(30)},
                                 {.line = keep}, {});
        if (result.end != ProcessResult::End::exited || result.exit_code != 0) {
            return parts.left_out("journal.txt", "journalctl could not read the journal");
        }
        parts.add("journal.txt", text, "the end of the service's journal");
    });
}

void add_capture(const System& system, const AgentConfig& config, Parts& parts) {
    parts.try_to("capture", [&] {
        const WorkFolder work;
        const fs::path folder = work.path() / "capture";
        make_folder(folder, 0700);
        capture_machine(system, config, folder);
        for (const auto& entry : fs::recursive_directory_iterator(folder)) {
            if (entry.is_regular_file()) {
                parts.add("capture/" + entry.path().lexically_relative(folder).string(),
                          read_file(entry.path(), largest_part), "of `bootwright capture`");
            }
        }
    });
}

void add_doctor(const System& system, Parts& parts) {
    Json findings = Json::array();
    examine(system, [&](std::string_view examination, const Finding& finding) {
        findings.push_back(to_json(examination, finding));
    });
    parts.add("doctor.json", to_text(findings), "what `bootwright doctor` finds");
}

AgentConfig config_or_defaults(const System& system) {
    try {
        return read_agent_config(system);
    } catch (const Error&) {  // the doctor says what is wrong with it
        return {};
    }
}

/// Packs what a support engineer asks for first into one file. @throws Error io.*
int run(const System& system, const CommandArguments& given) {
    const fs::path file = given.value("FILE");
    const AgentConfig config = config_or_defaults(system);
    Parts parts(known_secrets(system, config));
    parts.add_if_there("status.json", system.runtime() / "status.json", "the status");
    parts.add_if_there("history.jsonl", system.state() / "history.jsonl", "a line for each run");
    add_runs(system, parts);
    parts.add_if_there("os-release", system.path("/etc/os-release"), "the distribution");
    add_journal(system, parts);
    add_capture(system, config, parts);
    add_doctor(system, parts);
    parts.left_out("role configs, catalogs, and what Puppet said",
                   "they may hold secrets that nobody can tell apart; they are in /var/lib/bootwright/runs");
    const Instant now = system.clock.now();
    const auto all = parts.finish("A report of bootwright " + std::string(version) + ", made at " +
                                  to_iso8601(now.wall) + ". Secrets are removed as far as they are known.\n");
    write_tar_gz(file, "bootwright-report", all,
                 std::chrono::duration_cast<std::chrono::seconds>(now.wall.time_since_epoch()).count());
    for (const std::string& line : split(trimmed(all.front().content), '\n')) {
        print_line(line);
    }
    print_line("");
    print_line("written to " + file.string() + ", for you alone; look through it before you send it");
    return exit_ok;
}

const Command command{.name = "report",
                      .help = "Pack status, history, journal, configuration and the doctor's findings into one file",
                      .options = {{.kind = CommandOption::Kind::argument,
                                   .name = "FILE",
                                   .help = "A .tar.gz, which is written anew",
                                   .is_required = true}},
                      .examples = {{"bootwright report web-1.tar.gz", "What to attach to a ticket, without secrets"}},
                      .run = run};
const Registered<Command> registered(command);

}  // namespace

}  // namespace bootwright
