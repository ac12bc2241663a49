#include "agent/commands/command.hpp"
#include "agent/commands/output.hpp"
#include "agent/commands/past/chosen_run.hpp"
#include "agent/fleet/ask.hpp"
#include "agent/fleet/hosts.hpp"
#include "agent/fleet/overview.hpp"
#include "agent/fleet/page.hpp"
#include "agent/fleet/table.hpp"
#include "common/base/error.hpp"
#include "common/documents/duration.hpp"
#include "common/files/file.hpp"
#include "common/processes/signals.hpp"

#include <unistd.h>

#include <csignal>
#include <future>
#include <iostream>
#include <optional>
#include <system_error>

namespace bootwright {

namespace {

using std::chrono::milliseconds;

milliseconds duration_given(const CommandArguments& given, const std::string& option, const std::string& otherwise) {
    const auto duration = parse_duration(given.value(option, otherwise));
    if (!duration || duration->count() == 0) {
        throw UsageError{option + ": expected a duration such as 20s or 5m"};
    }
    return *duration;
}

std::size_t jobs_given(const CommandArguments& given) {
    constexpr std::size_t most = 128;  // each has five descriptors, and a process may have 1024
    const auto jobs = static_cast<std::size_t>(whole_number(given.value("--jobs", "64"), "--jobs"));
    if (jobs > most) {
        throw UsageError{"--jobs: expected no more than " + std::to_string(most)};
    }
    return jobs;
}

/// Asks a fleet, and hears the signals meanwhile: what ssh has started must not outlive this process.
class Fleet {
public:
    Fleet(const System& system, const CommandArguments& given)
        : system_(system),
          hosts_(chosen_hosts(system, given.words("HOST"), given.value("--hosts"))),
          asking_{jobs_given(given), duration_given(given, "--timeout", "20s")} {}

    /// Returns nullopt if a signal came before all had answered. @throws Error fleet.no_ssh, process.cannot_start
    std::optional<Json> ask() {
        std::stop_source stop;
        std::future<std::vector<Machine>> machines;
        try {
            machines = std::async(std::launch::async, [&] {
                return ask_machines(
                    system_, hosts_, asking_, [&](std::size_t done) { show(done); }, stop.get_token());
            });
        } catch (const std::system_error& error) {
            throw transient_error("process.cannot_start", std::string("the system gives no thread: ") + error.what(),
                                  "see whether memory is free, and how many threads the user may have (`ulimit -u`)");
        }
        while (machines.wait_for(milliseconds(0)) != std::future_status::ready) {
            constexpr milliseconds step{50};
            signals_.wait(step, -1);
            if (signals_.take() != 0) {
                stop.request_stop();
            }
        }
        progress_.clear();
        try {
            return std::optional(overview_of(machines.get(), system_.clock.now().wall));
        } catch (const Error& error) {
            if (error.kind != ErrorKind::stopped) {
                throw;
            }
            return std::nullopt;
        }
    }

    /// False if a signal came.
    bool wait(milliseconds duration) {
        const auto until = system_.clock.now().since_boot + duration;
        for (auto left = duration; left.count() > 0; left = until - system_.clock.now().since_boot) {
            signals_.wait(left, -1);
            if (signals_.take() != 0) {
                return false;
            }
        }
        return true;
    }

private:
    void show(std::size_t done) {
        progress_.show("asked " + std::to_string(done) + " of " + std::to_string(hosts_.size()));
    }

    const System& system_;
    std::vector<std::string> hosts_;
    Asking asking_;
    Signals signals_{SIGINT, SIGTERM, SIGHUP};
    LiveLine progress_{std::cerr, STDERR_FILENO};
};

void write_page(const CommandArguments& given, const Json& overview) {
    if (given.has("--html")) {
        write_file(given.value("--html"), page_of(overview), 0600);
    }
}

void print(const CommandArguments& given, const Json& overview) {
    given.has("--json") ? print_json(overview) : print_overview(overview, given.has("--all"));
}

/// Says what has changed each time, until a signal, or until nobody reads it any more. @param overview the last one
void watch(Fleet& fleet, const CommandArguments& given, milliseconds every, Json& overview) {
    while (has_reader() && fleet.wait(every)) {
        auto next = fleet.ask();
        if (!next) {
            return;
        }
        if (given.has("--json")) {
            print_json(*next);
        } else {
            for (const std::string& change : changes_between(overview, *next)) {
                print_line(minute(next->at("asked")) + "  " + change);
            }
        }
        write_page(given, *next);
        overview = std::move(*next);
    }
}

ExitStatus verdict_of(const Json& overview) {
    ExitStatus verdict = exit_ok;
    for (const Json& row : overview.at("machines")) {
        if (member_at(row, "needs_attention") == Json(true)) {
            return exit_failed;
        }
        if (string_at(row, "state") == to_string(MachineState::not_yet)) {
            verdict = exit_not_yet;
        }
    }
    return verdict;
}

int run(const System& system, const CommandArguments& given) {
    const milliseconds every = duration_given(given, "--every", "1m");
    Fleet fleet(system, given);
    auto overview = fleet.ask();
    if (!overview) {
        return exit_failed;
    }
    print(given, *overview);
    write_page(given, *overview);
    if (given.has("--watch")) {
        watch(fleet, given, every, *overview);
    }
    return verdict_of(*overview);
}

const Command command{
    .name = "fleet",
    .help = "Ask many machines over ssh how they are, and say what needs attention",
    .options = {{.kind = CommandOption::Kind::arguments,
                 .name = "HOST",
                 .help = "Machines as ssh names them, or patterns ('web-*') of the Host lines of ssh_config"},
                {.kind = CommandOption::Kind::option,
                 .name = "--hosts",
                 .help = "A file with a machine on each line; - is standard input",
                 .value = "FILE"},
                {.kind = CommandOption::Kind::flag, .name = "--all", .help = "List the good ones, too"},
                {.kind = CommandOption::Kind::flag, .name = "--json", .help = "Print JSON"},
                {.kind = CommandOption::Kind::option,
                 .name = "--html",
                 .help = "Also write a page for a browser into this file",
                 .value = "FILE"},
                {.kind = CommandOption::Kind::flag,
                 .name = "--watch",
                 .help = "Ask again and again, and say what has changed"},
                {.kind = CommandOption::Kind::option,
                 .name = "--every",
                 .help = "How long to wait in between, such as 30s; by default 1m",
                 .needs = "--watch",
                 .value = "DURATION"},
                {.kind = CommandOption::Kind::option,
                 .name = "--jobs",
                 .help = "Machines that are asked at once; by default 64",
                 .value = "NUMBER"},
                {.kind = CommandOption::Kind::option,
                 .name = "--timeout",
                 .help = "How long one may take, such as 1m; by default 20s",
                 .value = "DURATION"}},
    .examples = {{"bootwright fleet 'web-*'", "What needs attention among those of ssh_config"},
                 {"bootwright fleet --hosts machines.txt --html fleet.html", "The same of a list, also as a page"},
                 {"bootwright fleet --hosts machines.txt --watch", "Ask each minute, and say what has changed"}},
    .run = run};
const Registered<Command> registered(command);

}  // namespace

}  // namespace bootwright
