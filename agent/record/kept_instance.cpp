#include "agent/record/kept_instance.hpp"

#include "agent/platform/container.hpp"
#include "agent/record/status_file.hpp"
#include "common/base/clock.hpp"
#include "common/base/text.hpp"
#include "common/documents/json.hpp"
#include "common/files/file.hpp"

namespace bootwright {

namespace {

std::filesystem::path kept_file(const System& system) { return system.state() / "instance.json"; }

}  // namespace

std::string hardware_name(const System& system) {
    if (container(system)) {  // it sees the boot id and the firmware of its host, which the next container has too
        return "";
    }
    constexpr std::size_t largest_value = 4096;
    std::string name;
    for (const char* file : {"/sys/class/dmi/id/product_uuid", "/sys/class/dmi/id/product_serial",
                             "/sys/class/dmi/id/board_asset_tag", "/sys/hypervisor/uuid"}) {
        const auto value = read_file_start(system.path(file), largest_value);
        name += value ? std::string(trimmed(*value)) + "\n" : "";
    }
    return name;
}

std::optional<KeptInstance> read_kept_instance(const System& system) {
    constexpr std::size_t largest_file = std::size_t{8} << 20U;
    const auto text = read_file_start(kept_file(system), largest_file);
    const Json json = parse_json(text.value_or(""));
    const auto stored = json.is_object() ? json.find("instance") : json.end();
    auto metadata = stored == json.end() ? std::nullopt : metadata_from_stored(*stored);
    if (!metadata) {
        return std::nullopt;
    }
    return KeptInstance{std::move(*metadata), string_at(json, "accepted"), string_at(json, "boot_id"),
                        string_at(json, "hardware")};
}

void keep_instance(const System& system, const InstanceMetadata& metadata) {
    const Json json{{"instance", stored_json(metadata)},
                    {"accepted", to_iso8601(system.clock.now().wall)},
                    {"boot_id", boot_id(system)},
                    {"hardware", hardware_name(system)}};
    write_file(kept_file(system), to_text(json), 0600);
}

bool is_this_machine(const System& system, const KeptInstance& kept) {
    const std::string hardware = hardware_name(system);
    const bool is_same_boot = !kept.boot_id.empty() && kept.boot_id == boot_id(system);
    return !container(system) && (is_same_boot || (!hardware.empty() && hardware == kept.hardware));
}

void forget_kept_instance(const System& system) {
    // Removes instance.json last: as long as it is there, a removal that was cut off begins again.
    for (const char* name : {"last_good.json", "bad_revisions.json", "applying.json", "puppet", "runs", "history.jsonl",
                             "past", "instance.json"}) {
        remove_tree(system.state() / name);
    }
}

}  // namespace bootwright
