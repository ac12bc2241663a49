#include "agent/record/reboots.hpp"

#include "agent/record/history.hpp"
#include "agent/record/status_file.hpp"
#include "common/base/error.hpp"
#include "common/base/log.hpp"
#include "common/documents/json.hpp"
#include "common/files/file.hpp"

#include <chrono>
#include <filesystem>

namespace bootwright {

namespace {

std::filesystem::path state_file(const System& system) { return system.state() / "applying.json"; }

/// What was applied last; empty if nothing was, or if it cannot be understood.
Json read_state(const System& system) {
    constexpr std::size_t largest = 65536;
    const Json state = parse_json(read_file_start(state_file(system), largest).value_or(""));
    return state.is_object() ? state : Json::object();
}

int integer_at(const Json& state, const char* key) { return static_cast<int>(number_at(state, key)); }

bool is_true(const Json& state, const char* key) { return member_at(state, key) == Json(true); }

}  // namespace

Applying::Applying(const System& system, int run, const std::string& revision, const RoleConfig& role, int most)
    : system_(system) {
    const Json last = read_state(system);
    const std::string configuration = revision + " " + name_of(role);
    const bool is_same = string_at(last, "configuration") == configuration;
    const bool is_other_boot = string_at(last, "boot_id") != boot_id(system);
    int reboots = is_same ? integer_at(last, "reboots") : 0;
    if (is_other_boot) {
        reboots = is_same && is_true(last, "counts") ? reboots + 1 : 0;
        resumes_ = is_true(last, "cut_off") ? integer_at(last, "run") : 0;
    }
    owes_flush_ = !is_other_boot && !is_true(last, "flushed");  // a reboot has flushed it, or lost it
    if (most > 0 && reboots >= most) {
        has_ended_ = true;
        throw permanent_error(
            "puppet.reboot_loop",
            "the machine went down " + std::to_string(reboots) +
                " times in a row while or right after this revision and role config were applied, last in run " +
                std::to_string(integer_at(last, "run")) + ": they are not applied again",
            "find what reboots it (the last run's puppet.jsonl, `journalctl --boot=-1`) and pin another revision; "
            "`bootwright run` applies it all the same, and counts anew");
    }
    state_ = {{"boot_id", boot_id(system)},
              {"run", run},
              {"configuration", configuration},
              {"reboots", reboots},
              {"counts", true},
              {"cut_off", true},
              {"flushed", false}};
    write();
}

Applying::~Applying() {
    if (has_ended_) {
        return;
    }
    try {
        ended(false, !owes_flush_, GoingDown::no);
    } catch (const Error& error) {
        log(LogLevel::warning, error.message);
    }
}

void Applying::ended(bool has_changed, bool is_flushed, GoingDown going_down) {
    has_ended_ = true;
    state_["flushed"] = is_flushed;
    state_["counts"] = going_down == GoingDown::reboot;
    state_["cut_off"] = going_down != GoingDown::no;
    state_["changed"] = has_changed;
    state_["ended_ms"] = system_.clock.now().since_boot.count();
    write();
}

void Applying::write() const { write_file(state_file(system_), to_text(state_), 0600); }

Error cut_off_by(GoingDown going_down) {
    Error error = stopped_error();
    error.message = std::string("the machine was ") + (going_down == GoingDown::reboot ? "rebooted" : "shut down") +
                    " during this run";
    error.advice = "nothing: the next boot resumes it";
    return error;
}

void machine_reboots(const System& system) {
    // A `shutdown -r +1` included, which is what the module puppetlabs-reboot writes.
    constexpr std::chrono::milliseconds right_after = std::chrono::minutes(5);
    try {
        Json state = read_state(system);
        const auto ended = state.find("ended_ms");
        if (string_at(state, "boot_id") == boot_id(system) && is_true(state, "changed") && ended != state.end() &&
            ended->is_number_integer() &&
            system.clock.now().since_boot < std::chrono::milliseconds(ended->get<long long>()) + right_after) {
            state["counts"] = true;
            write_file(state_file(system), to_text(state), 0600);
        }
    } catch (const Error& error) {
        log(LogLevel::warning, error.message);
    }
}

void forget_reboots(const System& system) { remove_tree(state_file(system)); }

}  // namespace bootwright
