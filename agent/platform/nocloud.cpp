// NoCloud: what Proxmox, KubeVirt, libvirt and others hand over. Source of the formats: cloud-init's documentation,
// "NoCloud". What the kernel command line names wins over a seed folder, and that over what is attached to the machine.
// https://docs.cloud-init.io/en/latest/reference/datasources/nocloud.html

#include "agent/platform/container.hpp"
#include "agent/platform/document.hpp"
#include "agent/platform/machine.hpp"
#include "agent/platform/metadata_service.hpp"
#include "agent/platform/platform.hpp"

#include "common/base/encoding.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/documents/yaml.hpp"
#include "common/files/file.hpp"
#include "common/files/owner.hpp"
#include "common/files/volume.hpp"
#include "common/net/url.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <functional>
#include <iterator>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace bootwright {

namespace {

namespace fs = std::filesystem;

struct SeedFolder {
    const char* path;
    Rank rank;
};

/// In the second the templates of LXD's and Incus's images write, once: what the socket says then is newer.
constexpr std::array<SeedFolder, 2> seed_folders{
    {{"/var/lib/cloud/seed/nocloud", Rank::seed_folder}, {"/var/lib/cloud/seed/nocloud-net", Rank::seed_of_template}}};

/// Splits "ds=nocloud;s=http://10.0.0.1/;i=web-1;h=web-1".
struct Seed {
    fs::path folder;                     ///< of this machine; empty: not said
    std::string url;                     ///< of a server, as it is to be completed by a file's name; "": not said
    std::optional<std::string> refused;  ///< why `url` is not asked
    std::string instance_id;
    std::string hostname;
};

/// The URL of one of the seed's files: its name takes the place of "%s", or is appended, after a slash unless the URL has a
/// query. Returns an empty one if it is none.
Url url_of_file(const Seed& seed, const std::string& name) {
    std::string text = seed.url;
    if (const std::size_t mark = text.find("%s"); mark != std::string::npos) {
        text.replace(mark, 2, name);
    } else {
        const bool needs_slash = !text.ends_with('/') && text.find('?') == std::string::npos;
        text += (needs_slash ? "/" : "") + name;
    }
    return Url::parse(text).value_or(Url());
}

/// Why the server is not asked. Returns nullopt if it is.
std::optional<std::string> why_refused(const Seed& seed) {
    const Url url = url_of_file(seed, "user-data");
    const auto why_no_url = url.empty() ? Url::why_refused(seed.url) : std::nullopt;
    return why_no_url ? why_no_url : why_not_asked(url);
}

/// What may stand between "__dmi." and "__", which are dmidecode(8)'s keywords, and the file of each.
constexpr std::array<std::pair<std::string_view, std::string_view>, 15> dmi_fields{{
    {"baseboard-asset-tag", "board_asset_tag"},
    {"baseboard-manufacturer", "board_vendor"},
    {"baseboard-version", "board_version"},
    {"bios-release-date", "bios_date"},
    {"bios-vendor", "bios_vendor"},
    {"bios-version", "bios_version"},
    {"chassis-asset-tag", "chassis_asset_tag"},
    {"chassis-manufacturer", "chassis_vendor"},
    {"chassis-serial-number", "chassis_serial"},
    {"chassis-version", "chassis_version"},
    {"system-manufacturer", "sys_vendor"},
    {"system-product-name", "product_name"},
    {"system-serial-number", "product_serial"},
    {"system-uuid", "product_uuid"},
    {"system-version", "product_version"},
}};

/// Puts values of the firmware into the seed's URL. What is unknown, or not there, refuses the URL: half of it would be
/// another machine's.
void fill_in_firmware(const System& system, Seed& seed) {
    constexpr std::string_view opening = "__dmi.";
    constexpr std::string_view closing = "__";
    for (std::size_t at = seed.url.find(opening); at != std::string::npos; at = seed.url.find(opening, at)) {
        const std::size_t start = at + opening.size();
        const std::size_t end = seed.url.find(closing, start);
        const std::string keyword = seed.url.substr(start, end == std::string::npos ? end : end - start);
        const auto* const field =
            std::find_if(dmi_fields.begin(), dmi_fields.end(), [&](const auto& one) { return one.first == keyword; });
        const auto value = field == dmi_fields.end()
                               ? std::nullopt
                               : read_value(system, "/sys/class/dmi/id/" + std::string(field->second));
        if (end == std::string::npos || !value || value->empty()) {
            seed.refused = "this machine's firmware says nothing of a field that it names between __dmi. and __";
            return;
        }
        const std::string written = percent_encoded(*value, "-._~");
        seed.url.replace(at, end + closing.size() - at, written);
        at += written.size();
    }
}

/// "http://…/", or "file:///folder", or "/folder". Detection alone need not be able to read it.
void read_place(const System& system, Seed& seed, const std::string& text) {
    constexpr std::string_view file_scheme = "file://";
    if (text.starts_with('/') || text.starts_with(file_scheme)) {
        seed.folder = text.substr(text.starts_with('/') ? 0 : file_scheme.size());
    } else if (!text.empty()) {
        seed.url = text;
        fill_in_firmware(system, seed);
        seed.refused = seed.refused ? seed.refused : why_refused(seed);
    }
}

std::optional<Seed> parse_seed(const System& system, std::string_view text) {
    const auto parts = split(text, ';');
    if (parts.front() != "nocloud" && parts.front() != "nocloud-net") {
        return std::nullopt;
    }
    Seed seed;
    for (const std::string& part : parts) {
        const auto value = [&](std::string_view short_name, std::string_view long_name) -> std::optional<std::string> {
            for (const auto name : {short_name, long_name}) {
                if (part.starts_with(std::string(name) + "=")) {
                    return part.substr(name.size() + 1);
                }
            }
            return std::nullopt;
        };
        if (const auto place = value("s", "seedfrom")) {
            read_place(system, seed, *place);
        }
        seed.instance_id = value("i", "instance-id").value_or(seed.instance_id);
        seed.hostname = value("h", "local-hostname").value_or(seed.hostname);
    }
    return seed;
}

std::optional<Seed> seed_from_kernel(const System& system) {
    const auto parameter = kernel_parameter(system, "ds");
    return parameter ? parse_seed(system, *parameter) : std::nullopt;
}

std::optional<Seed> seed_from_serial(const System& system) {
    const auto serial = read_value(system, "/sys/class/dmi/id/product_serial");
    return serial && serial->starts_with("ds=") ? parse_seed(system, serial->substr(3)) : std::nullopt;
}

/// By what a seed volume is known.
std::vector<Evidence> volume_evidence(const System& system) {
    return {label_evidence(system, "cidata", Rank::seed_of_machine),
            label_evidence(system, "CIDATA", Rank::seed_of_machine),
            boot_sector_evidence(system, "cidata", Rank::seed_of_machine)};
}

std::optional<fs::path> volume_device(const System& system) {
    for (const Evidence& evidence : volume_evidence(system)) {
        if (evidence.matched) {
            return system.path(evidence.path);
        }
    }
    return std::nullopt;
}

bool has_seed(const System& system, const fs::path& folder) {
    std::error_code error;
    return fs::exists(system.path(folder.string()) / "meta-data", error) ||
           fs::exists(system.path(folder.string()) / "user-data", error);
}

/// Where the seed's files are.
struct SeedFiles {
    std::function<std::optional<std::string>(const std::string& name)> read;  ///< nullopt: proven not to be there
    std::function<std::string(const std::string& name)> called;               ///< for people
};

/// A place without any of the files is no seed: a wrong URL, or a damaged volume, whose folder looks empty.
InstanceMetadata read_seed(const System& system, const SeedFiles& files, const Seed& given) {
    const auto meta_data = files.read("meta-data");
    InstanceMetadata metadata{.platform = "nocloud", .instance_id = given.instance_id, .hostname = given.hostname};
    metadata.user_data = files.read("user-data");
    metadata.user_data_origin = files.called("user-data");
    if (!meta_data && !metadata.user_data) {
        throw transient_error(
            "platform.seed_missing",
            "there is neither " + files.called("meta-data") + " nor " + files.called("user-data"),
            "put them there (user-data may be an empty file), or correct what names the place: `bootwright explain`");
    }
    const auto document = parse_yaml(meta_data.value_or(""), YamlScalars::as_written);
    if (!document || (!document->is_object() && !document->is_null())) {
        throw permanent_error("platform.bad_document", files.called("meta-data") + " is not a YAML mapping",
                              "write lines such as `instance-id: web-1`");
    }
    const auto fill = [&](std::string& target, const char* key) {
        target = target.empty() ? string_at(*document, key) : target;
    };
    fill(metadata.instance_id, "instance-id");
    fill(metadata.hostname, "local-hostname");
    fill(metadata.instance_type, "instance-type");  // KubeVirt's: pkg/cloud-init/cloud-init.go
    if (metadata.instance_id.empty()) {
        metadata.instance_id = machine_id(system);
    }
    return metadata;
}

/// @param place below the root. A volume or a server is somebody else's; a folder of the machine itself may be root's.
InstanceMetadata read_folder(const System& system, const fs::path& place, const Seed& given) {
    const fs::path folder = system.path(place.string());
    const SeedFiles files{
        .read = [&](const std::string& name) { return read_file_if_exists(folder / name, largest_user_data); },
        .called = [&](const std::string& name) { return (folder / name).string(); }};
    const bool is_roots = is_roots_alone(system.root, place / "user-data");
    InstanceMetadata metadata = read_seed(system, files, given);
    metadata.user_data_is_roots = is_roots;
    return metadata;
}

InstanceMetadata read_volume(const System& system, const fs::path& device, const Seed& given) {
    const Volume volume = Volume::open(device);
    const SeedFiles files{
        .read = [&](const std::string& name) { return volume.read_file_if_exists(name, largest_user_data); },
        .called = [&](const std::string& name) { return "volume " + device.filename().string() + "/" + name; }};
    return read_seed(system, files, given);
}

/// @throws Error http.bad_url, which does not quote it
InstanceMetadata read_url(const System& system, const AgentConfig& config, const Seed& seed, std::stop_token stop) {
    if (seed.refused) {
        throw permanent_error(
            "http.bad_url", "the URL of the seed is refused: " + *seed.refused,
            "write it like http://10.0.0.1/ or http://[fd00::1]:8080/, or attach the seed as a volume");
    }
    const SeedFiles files{.read =
                              [&](const std::string& name) {
                                  HttpRequest request{.url = url_of_file(seed, name),
                                                      .timeout = config.metadata_timeout,
                                                      .max_bytes = largest_user_data};
                                  request.connect_timeout = std::min(request.connect_timeout, request.timeout);
                                  return fetch(system, request, stop);
                              },
                          .called = [&](const std::string& name) { return url_of_file(seed, name).shown(); }};
    return read_seed(system, files, seed);
}

/// Reads what the kernel command line or the serial number names. Returns nullopt if it names no place.
std::optional<InstanceMetadata> read_named(const System& system, const AgentConfig& config,
                                           const std::optional<Seed>& seed, const std::stop_token& stop) {
    if (seed && !seed->folder.empty()) {
        return read_folder(system, seed->folder, *seed);
    }
    return seed && !seed->url.empty() ? std::optional(read_url(system, config, *seed, stop)) : std::nullopt;
}

class NoCloud final : public Platform {
public:
    [[nodiscard]] std::string_view name() const override { return "nocloud"; }

    [[nodiscard]] UserDataTerms user_data_terms() const override {
        return {.place = "the seed's file user-data, beside its meta-data"};
    }

    [[nodiscard]] std::vector<Evidence> detect(const System& system, const AgentConfig&) const override {
        std::vector<Evidence> evidence{
            {"/proc/cmdline", "ds=nocloud on the kernel command line",
             kernel_parameter(system, "ds").value_or("(no ds=)"), seed_from_kernel(system).has_value(),
             Rank::kernel_line},
            file_evidence(
                system, "/sys/class/dmi/id/product_serial", "product_serial is ds=nocloud",
                [&](std::string_view) { return seed_from_serial(system).has_value(); }, Rank::seed_of_machine),
        };
        std::ranges::move(volume_evidence(system), std::back_inserter(evidence));
        for (const auto& [path, rank] : seed_folders) {
            const bool is_seed = has_seed(system, path);
            evidence.push_back(
                {path, std::string(path) + " holds a seed", is_seed ? "a seed" : "(no such file)", is_seed, rank});
        }
        return evidence;
    }

    [[nodiscard]] InstanceMetadata read(const System& system, const AgentConfig& config,
                                        std::stop_token stop) const override {
        // Serial number and volumes that a container sees are its host's.
        const bool has_machine = !container(system);
        const auto from_kernel = seed_from_kernel(system);
        const auto from_serial = has_machine ? seed_from_serial(system) : std::nullopt;
        const Seed given = from_kernel ? *from_kernel : from_serial.value_or(Seed{});
        if (const auto named = read_named(system, config, from_kernel, stop)) {
            return *named;
        }
        const auto& [folder, templates_folder] = seed_folders;
        if (has_seed(system, folder.path)) {
            return read_folder(system, folder.path, given);
        }
        if (const auto named = read_named(system, config, from_serial, stop)) {
            return *named;
        }
        if (const auto device = has_machine ? volume_device(system) : std::nullopt) {
            return read_volume(system, *device, given);
        }
        if (has_seed(system, templates_folder.path)) {
            return read_folder(system, templates_folder.path, given);
        }
        throw transient_error(
            "platform.seed_missing",
            "the platform is nocloud, but there is neither a seed folder, nor a seed URL, nor a volume "
            "labelled cidata",
            "attach the volume, or write " + std::string(seed_folders.front().path) + "/user-data");
    }
};

const NoCloud nocloud;
const Registered<Platform> registered(nocloud);

}  // namespace

}  // namespace bootwright
