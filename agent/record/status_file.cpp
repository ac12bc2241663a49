#include "agent/record/status_file.hpp"

#include "common/base/encoding.hpp"
#include "common/base/text.hpp"
#include "common/base/version.hpp"
#include "common/files/file.hpp"

#include <filesystem>
#include <optional>
#include <string>

namespace bootwright {

namespace {

constexpr int schema = 1;

Json empty_status() {
    return {{"schema", schema},      {"boot_id", nullptr}, {"agent_version", nullptr},
            {"daemon", nullptr},     {"run", nullptr},     {"blocked", nullptr},
            {"configured", nullptr}, {"ready", false},     {"locks", Json::array()}};
}

Error unreadable(const std::string& file, const Json& status) {
    constexpr std::size_t longest_version = 50;
    const std::string writer = shortened(printable(string_at(status, "agent_version")), longest_version);
    const std::string why =
        !status.is_object() ? "it is damaged"
                            : "another version of bootwright has written it" + (writer.empty() ? "" : ": " + writer);
    return permanent_error("status.unreadable", file + " cannot be understood: " + why,
                           "have it written anew: `systemctl restart bootwright`, or `bootwright run`. "
                           "`bootwright history` says how earlier runs came out");
}

}  // namespace

Json StatusFile::read() const {
    constexpr std::size_t largest_status = std::size_t{1} << 20U;
    const std::filesystem::path file = system_.runtime() / "status.json";
    const auto text = read_file_start(file, largest_status);
    Json status = parse_json(text.value_or("{}"));
    const bool is_ours = member_at(status, "schema") == Json(schema);
    const Json& boot = member_at(status, "boot_id");
    if (is_ours && boot == Json(boot_id(system_))) {
        return status;
    }
    Json empty = empty_status();
    if (text && !is_ours && (!boot.is_string() || boot == Json(boot_id(system_)))) {
        empty["unreadable"] = to_json(unreadable(file.string(), status));
    }
    return empty;
}

void StatusFile::update(const std::function<void(Json& status)>& change) const {
    make_folder(system_.runtime(), 0755);
    const FileLock lock = FileLock::take(system_.runtime() / "status.lock");
    Json status = read();
    status.erase("unreadable");
    status["boot_id"] = boot_id(system_);
    status["agent_version"] = version;
    change(status);
    write_file(system_.runtime() / "status.json", to_text(status), 0644);
}

ProcessId process_in(const Json& section) {
    return {static_cast<pid_t>(number_at(section, "pid")), number_at(section, "pid_start")};
}

std::string boot_id(const System& system) {
    const auto id = read_file_if_exists(system.path("/proc/sys/kernel/random/boot_id"), 4096);
    return std::string(trimmed(id.value_or("")));
}

}  // namespace bootwright
