// What was left by an agent that was killed, or by a power cut.

#include "agent/doctor/examination.hpp"
#include "agent/doctor/patient.hpp"
#include "agent/record/status_file.hpp"
#include "common/base/text.hpp"
#include "common/processes/process_tree.hpp"

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>

namespace bootwright {

namespace {

namespace fs = std::filesystem;

bool is_alive(const Json& section) { return section.is_object() && is_running(process_in(section)); }

/// A run whose agent is gone, and what it had started.
Finding look_at_run(const Json& run) {
    const bool is_under_way = string_at(run, "state") == "running";
    const std::string called = "run " + std::to_string(number_at(run, "number"));
    if (!is_under_way || is_alive(run)) {
        return good(is_under_way ? called + " is under way" : "no run is under way, and none was cut off");
    }
    if (is_alive(member_at(run, "child"))) {
        return bad("the agent of " + called + " is gone, and process " +
                       std::to_string(number_at(member_at(run, "child"), "pid")) + ", which it started, still works",
                   "the next run ends it: `bootwright run`, or `systemctl start bootwright`");
    }
    return bad(called + " was cut off: its agent is gone",
               "the next run records it: `bootwright run`, or `systemctl start bootwright`");
}

/// A file that was being written when its writer was killed: NAME.tmpPID (common/files/file.cpp). The one of a writer at work
/// is younger.
bool is_left_over(const fs::directory_entry& entry) {
    constexpr std::chrono::minutes longest_write{10};
    const std::string name = entry.path().filename().string();
    const std::size_t mark = name.rfind(".tmp");
    std::error_code error;
    const auto changed = fs::last_write_time(entry.path(), error);
    return mark != std::string::npos && is_digits(name.substr(mark + 4)) && !error &&
           fs::file_time_type::clock::now() - changed > longest_write;
}

/// @param deepest 0: only what stands in the folder itself
void add_temporary_files(const fs::path& folder, int deepest, std::vector<fs::path>& found) {
    std::error_code error;
    for (auto entry = fs::recursive_directory_iterator(folder, error); entry != fs::recursive_directory_iterator();
         entry.increment(error)) {
        if (entry.depth() >= deepest) {
            entry.disable_recursion_pending();
        }
        if (is_left_over(*entry)) {
            found.push_back(entry->path());
        }
    }
}

Finding look_at_temporary_files(const System& system) {
    std::vector<fs::path> found;
    for (const fs::path& folder : {system.state(), system.state() / "repository", system.state() / "checkout",
                                   system.runtime(), system.path("/var/cache/bootwright")}) {
        add_temporary_files(folder, 0, found);
    }
    add_temporary_files(system.state() / "runs", 1, found);
    add_temporary_files(system.state() / "past", 1, found);
    return found.empty()
               ? good("no temporary file was left behind")
               : bad(counted(found.size(), "temporary file") + " of a killed agent, such as " + found.front().string(),
                     "remove what ends with .tmp and a number there; nothing reads it");
}

Finding look_at_damaged(const System& system) {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(system.state() / "repository", error)) {
        if (entry.path().string().ends_with(".damaged")) {
            return bad("a damaged repository was set aside: " + entry.path().string(),
                       "check the disk (`dmesg`, `smartctl`); then remove it: nothing reads it any more");
        }
    }
    return good("no damaged repository was set aside");
}

std::vector<Finding> look(const Patient& patient, std::stop_token) {
    const System& system = patient.system;
    const Json status = StatusFile(system).read();
    const Json& problem = member_at(status, "unreadable");
    return {problem.is_object() ? finding_of(error_from_json(problem)) : look_at_run(member_at(status, "run")),
            look_at_temporary_files(system), look_at_damaged(system)};
}

const Examination leftovers_examination{.key = "leftovers", .limit = std::chrono::seconds(10), .look = look};
const Registered<Examination> registered(leftovers_examination);

}  // namespace

}  // namespace bootwright
