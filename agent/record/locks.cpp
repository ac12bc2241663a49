#include "agent/record/locks.hpp"

#include "agent/record/kept_instance.hpp"
#include "agent/record/run_report.hpp"
#include "agent/record/status_file.hpp"
#include "common/base/log.hpp"
#include "common/files/file.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <system_error>
#include <utility>

namespace bootwright {

namespace {

using std::chrono::milliseconds;

constexpr int schema = 1;
constexpr std::size_t largest_file = std::size_t{1} << 20U;

std::filesystem::path locks_file(const System& system) { return system.state() / "locks.json"; }

FileLock one_writer(const System& system) {
    make_folder(system.runtime(), 0755);
    return FileLock::take(system.runtime() / "locks.lock");
}

milliseconds wall_of(const Instant& instant) {
    return std::chrono::floor<milliseconds>(instant.wall).time_since_epoch();
}

Error unreadable(const System& system, const std::string& why) {
    const std::string file = locks_file(system).string();
    return permanent_error("lock.unreadable",
                           file + " cannot be understood: " + why + ": no run begins, since a lock may hold",
                           "see who locked this machine, and why (`journalctl`, the file itself); then remove the file "
                           "(`rm " +
                               file + "`) and set again what is to hold. `bootwright run --force` goes past it once");
}

bool is_entry(const Json& entry) {
    return !string_at(entry, "name").empty() && member_at(entry, "boot_id").is_string() &&
           member_at(entry, "since_ms").is_number_unsigned() &&
           member_at(entry, "since_boot_ms").is_number_unsigned() &&
           (member_at(entry, "lasts_ms").is_null() || member_at(entry, "lasts_ms").is_number_unsigned());
}

milliseconds milliseconds_at(const Json& entry, const char* key) {
    constexpr std::uint64_t longest = std::uint64_t{1} << 42U;  // 139 years: added to the clock it is no overflow
    return milliseconds(static_cast<milliseconds::rep>(std::min(number_at(entry, key), longest)));
}

/// How long the lock still holds. Within a boot by the clock that never jumps. After a reboot by the wall clock; but if that
/// was not set when the lock was, nobody knows how long ago that is: it counts from the boot on.
std::optional<milliseconds> left_of(const System& system, const Json& entry) {
    if (member_at(entry, "lasts_ms").is_null()) {
        return std::nullopt;
    }
    constexpr milliseconds surely_set = std::chrono::sys_days(std::chrono::year(2020) / 1 / 1).time_since_epoch();
    const Instant now = system.clock.now();
    const milliseconds since = milliseconds_at(entry, "since_ms");
    const bool is_this_boot = string_at(entry, "boot_id") == boot_id(system);
    const milliseconds age = is_this_boot         ? now.since_boot - milliseconds_at(entry, "since_boot_ms")
                             : since < surely_set ? now.since_boot
                                                  : wall_of(now) - since;
    return milliseconds_at(entry, "lasts_ms") - std::max(age, milliseconds(0));  // a clock in 1970 ends no lock
}

/// The entries of the file that hold. Empty if there is no file.
std::vector<Json> read_entries(const System& system) {
    std::optional<std::string> text;
    try {
        text = read_file_if_exists(locks_file(system), largest_file);
    } catch (const Error& error) {
        throw error.code == "io.too_large" ? unreadable(system, "it is too large") : error;
    }
    if (!text) {
        return {};
    }
    const Json json = parse_json(*text);
    const Json& locks = member_at(json, "locks");
    if (!json.is_object() || !locks.is_array()) {
        throw unreadable(system, "it is damaged");
    }
    if (member_at(json, "schema") != Json(schema)) {
        throw unreadable(system, "another version of bootwright has written it");
    }
    if (!std::all_of(locks.begin(), locks.end(), is_entry)) {
        throw unreadable(system, "a lock in it is damaged");
    }
    const std::string hardware = hardware_name(system);
    std::vector<Json> held;
    std::copy_if(locks.begin(), locks.end(), std::back_inserter(held), [&](const Json& entry) {
        const auto left = left_of(system, entry);
        const std::string made_on = string_at(entry, "hardware");
        const bool is_of_another = !made_on.empty() && !hardware.empty() && made_on != hardware;
        return !is_of_another && (!left || *left > milliseconds(0));
    });
    return held;
}

void write_entries(const System& system, const std::vector<Json>& entries) {
    make_folder(system.state(), 0700);
    write_file(locks_file(system), to_text({{"schema", schema}, {"locks", entries}}), 0600);
}

auto of_name(const std::string& name) {
    return [&](const Json& entry) { return string_at(entry, "name") == name; };
}

Lock from_entry(const System& system, const Json& entry) {
    return {.name = string_at(entry, "name"),
            .reason = string_at(entry, "reason"),
            .by = string_at(entry, "by"),
            .since = string_at(entry, "since"),
            .left = left_of(system, entry)};
}

/// `puppet agent --disable REASON` is how people stop Puppet on a machine; `puppet apply` does not honour it by itself.
/// Whatever is in it, it holds.
std::optional<Lock> lock_of_puppet(const System& system) {
    constexpr std::array<const char*, 3> files{"/var/cache/puppet/state/agent_disabled.lock",  // Debian 12 and 13
                                               "/var/lib/puppet/state/agent_disabled.lock",
                                               "/opt/puppetlabs/puppet/cache/state/agent_disabled.lock"};
    for (const char* file : files) {
        const std::filesystem::path path = system.path(file);
        std::error_code none;
        if (std::filesystem::exists(std::filesystem::symlink_status(path, none))) {
            // The folder is the user puppet's, who may have put there what would never end.
            const auto text = read_file_below(path.parent_path(), path.filename(), largest_file);
            return Lock{.name = puppets_lock,
                        .reason = string_at(parse_json(text.value_or("")), "disabled_message"),
                        .file = file};
        }
    }
    return std::nullopt;
}

std::string what_ends(const Lock& lock) {
    return lock.file.empty() ? "`bootwright unlock " + lock.name + "`" : "`puppet agent --enable`";
}

Instant end_of(const Lock& lock, const Instant& now) { return {now.wall + *lock.left, now.since_boot + *lock.left}; }

}  // namespace

std::vector<Lock> held_locks(const System& system) {
    std::vector<Lock> locks;
    for (const Json& entry : read_entries(system)) {
        locks.push_back(from_entry(system, entry));
    }
    if (auto puppets = lock_of_puppet(system)) {
        locks.push_back(std::move(*puppets));
    }
    return locks;
}

void set_lock(const System& system, const Lock& lock, std::optional<milliseconds> lasts) {
    constexpr std::size_t most = 100;
    const FileLock writer = one_writer(system);
    auto entries = read_entries(system);
    const Instant now = system.clock.now();
    if (const auto other = std::find_if(entries.begin(), entries.end(), of_name(lock.name)); other != entries.end()) {
        throw permanent_error(
            "lock.exists", "the lock " + described(from_entry(system, *other), now) + " holds already",
            "take another name: both then have to be removed; or remove that one first, if its reason "
            "is gone: `bootwright unlock " +
                lock.name + "`");
    }
    if (entries.size() >= most) {
        throw permanent_error("lock.too_many", "this machine has " + std::to_string(most) + " locks",
                              "`bootwright locks` lists them; remove those whose reason is gone");
    }
    entries.push_back({{"name", lock.name},
                       {"reason", lock.reason},
                       {"by", lock.by},
                       {"since", to_iso8601(now.wall)},
                       {"since_ms", std::max(wall_of(now).count(), milliseconds::rep{0})},
                       {"boot_id", boot_id(system)},
                       {"since_boot_ms", now.since_boot.count()},
                       {"lasts_ms", lasts ? Json(lasts->count()) : Json()},
                       {"hardware", hardware_name(system)}});
    write_entries(system, entries);
}

void remove_lock(const System& system, const std::string& name) {
    const FileLock writer = one_writer(system);
    auto entries = read_entries(system);
    if (std::erase_if(entries, of_name(name)) == 0) {
        throw permanent_error("lock.not_held",
                              "there is no lock " + name + " on this machine, or it has ended by itself",
                              "`bootwright locks` lists those that hold");
    }
    write_entries(system, entries);
}

std::string described(const Lock& lock, const Instant& now) {
    std::string text = lock.name;
    text += lock.by.empty() ? "" : ", by " + lock.by;
    text += lock.since.empty() ? "" : ", since " + lock.since;
    text += lock.left ? ", until " + to_iso8601(end_of(lock, now).wall) + " (" + to_human(*lock.left) + ")" : "";
    text += lock.file.empty() ? "" : " (" + lock.file + ")";
    return text + (lock.reason.empty() ? ", without a reason" : ": " + lock.reason);
}

Error lock_held(const std::vector<Lock>& locks, const Instant& now) {
    std::string message = "this machine is locked: ";
    std::string advice = "when the reason is gone: ";
    for (const Lock& lock : locks) {
        const bool is_first = &lock == &locks.front();
        message += (is_first ? "" : "; ") + described(lock, now);
        advice += (is_first ? "" : ", ") + what_ends(lock);
    }
    return {ErrorKind::stopped, "lock.held", message, advice + "; `bootwright run --force` goes past it once"};
}

Json to_json(const Lock& lock, const Instant& now) {
    return {{"name", lock.name},
            {"reason", lock.reason},
            {"by", text_or_null(lock.by)},
            {"since", text_or_null(lock.since)},
            {"until", lock.left ? to_json(end_of(lock, now)) : Json()},
            {"file", text_or_null(lock.file)}};
}

void show_locks(const System& system, const std::vector<Lock>& locks) {
    Json shown = Json::array();
    for (const Lock& lock : locks) {
        shown.push_back(to_json(lock, system.clock.now()));
    }
    try {
        const StatusFile file(system);
        if (member_at(file.read(), "locks") != shown) {
            file.update([&](Json& status) { status["locks"] = shown; });
        }
    } catch (const Error& error) {
        log(LogLevel::error, "status.json is not written: " + error.message);
    }
}

}  // namespace bootwright
