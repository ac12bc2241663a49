#include "agent/record/status_file.hpp"

#include "common/base/text.hpp"
#include "common/base/version.hpp"
#include "common/files/file.hpp"

#include <optional>

namespace bootwright {

namespace {

constexpr int schema = 1;

Json empty_status() {
    return {{"schema", schema},      {"boot_id", nullptr}, {"agent_version", nullptr},
            {"daemon", nullptr},     {"run", nullptr},     {"blocked", nullptr},
            {"configured", nullptr}, {"ready", false},     {"locks", Json::array()}};
}

}  // namespace

Json StatusFile::read() const {
    constexpr std::size_t largest_status = std::size_t{1} << 20U;
    const auto text = read_file_start(system_.runtime() / "status.json", largest_status);
    Json status = parse_json(text.value_or(""));
    const bool is_ours = status.is_object() && status.value("schema", Json()) == Json(schema) &&
                         string_at(status, "boot_id") == boot_id(system_);
    return is_ours ? status : empty_status();
}

void StatusFile::update(const std::function<void(Json& status)>& change) const {
    make_folder(system_.runtime(), 0755);
    const FileLock lock = FileLock::take(system_.runtime() / "status.lock");
    Json status = read();
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
