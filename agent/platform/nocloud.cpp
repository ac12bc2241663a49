// NoCloud: what Proxmox, KubeVirt, libvirt and others hand over. Source of the formats: cloud-init's documentation,
// "NoCloud". A seed folder in the image wins over the kernel command line, which wins over a volume.
// https://docs.cloud-init.io/en/latest/reference/datasources/nocloud.html

#include "agent/platform/document.hpp"
#include "agent/platform/machine.hpp"
#include "agent/platform/metadata_service.hpp"
#include "agent/platform/platform.hpp"

#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/documents/yaml.hpp"
#include "common/files/file.hpp"
#include "common/files/owner.hpp"
#include "common/files/volume.hpp"
#include "common/net/url.hpp"

#include <algorithm>
#include <filesystem>
#include <functional>
#include <system_error>

namespace bootwright {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view seed_folder = "/var/lib/cloud/seed/nocloud";

/// Splits "ds=nocloud;s=http://10.0.0.1/;i=web-1;h=web-1".
struct Seed {
    fs::path folder;                     ///< of this machine; empty: not said
    Url url;                             ///< of a server; empty: not said, or refused
    std::optional<std::string> refused;  ///< why what is said is neither of them
    std::string instance_id;
    std::string hostname;
};

/// Why the URL is not asked; the URL is empty if `text` is none. Returns nullopt if it is asked.
std::optional<std::string> why_refused(const Url& url, const std::string& text) {
    if (url.empty()) {
        return Url::why_refused(text);
    }
    if (url.has_credentials()) {
        return "its user and password would go over the network in clear";
    }
    return url.scheme() == "http" ? std::nullopt : std::optional<std::string>("only http is spoken here");
}

/// "http://…/", or "file:///folder", or "/folder". Detection alone need not be able to read it.
void read_place(Seed& seed, const std::string& text) {
    constexpr std::string_view file_scheme = "file://";
    const bool is_folder = text.starts_with('/') || text.starts_with(file_scheme);
    seed.folder = is_folder ? text.substr(text.starts_with('/') ? 0 : file_scheme.size()) : "";
    seed.url = is_folder ? Url() : Url::parse(text).value_or(Url());
    seed.refused = is_folder || text.empty() ? std::nullopt : why_refused(seed.url, text);
}

std::optional<Seed> parse_seed(std::string_view text) {
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
            read_place(seed, *place);
        }
        seed.instance_id = value("i", "instance-id").value_or(seed.instance_id);
        seed.hostname = value("h", "local-hostname").value_or(seed.hostname);
    }
    return seed;
}

std::optional<Seed> seed_from_kernel(const System& system) {
    const auto parameter = kernel_parameter(system, "ds");
    return parameter ? parse_seed(*parameter) : std::nullopt;
}

std::optional<Seed> seed_from_serial(const System& system) {
    const auto serial = read_value(system, "/sys/class/dmi/id/product_serial");
    return serial && serial->starts_with("ds=") ? parse_seed(serial->substr(3)) : std::nullopt;
}

/// The seed volume's device; udev makes the link, so early in the boot it may still be missing.
std::optional<fs::path> volume_device(const System& system) {
    for (const char* label : {"cidata", "CIDATA"}) {
        const fs::path link = system.path("/dev/disk/by-label") / label;
        std::error_code error;
        if (fs::exists(link, error)) {
            return link;
        }
    }
    return std::nullopt;
}

bool has_seed_folder(const System& system) {
    std::error_code error;
    return fs::exists(system.path(seed_folder) / "meta-data", error) ||
           fs::exists(system.path(seed_folder) / "user-data", error);
}

/// Reads a file of the seed. Returns nullopt if it is proven not to be there.
using ReadSeedFile = std::function<std::optional<std::string>(const std::string& name)>;

InstanceMetadata read_seed(const System& system, const ReadSeedFile& read_seed_file, const std::string& where,
                           const Seed& given) {
    const std::string meta_data = read_seed_file("meta-data").value_or("");
    const auto document = parse_yaml(meta_data, YamlScalars::as_written);
    if (!document || (!document->is_object() && !document->is_null())) {
        throw permanent_error("platform.bad_document", where + "/meta-data is not a YAML mapping",
                              "write lines such as `instance-id: web-1`");
    }
    InstanceMetadata metadata{.platform = "nocloud", .instance_id = given.instance_id, .hostname = given.hostname};
    const auto fill = [&](std::string& target, const char* key) {
        target = target.empty() ? string_at(*document, key) : target;
    };
    fill(metadata.instance_id, "instance-id");
    fill(metadata.hostname, "local-hostname");
    if (metadata.instance_id.empty()) {
        metadata.instance_id = machine_id(system);
    }
    metadata.user_data = read_seed_file("user-data");
    metadata.user_data_origin = where + "/user-data";
    return metadata;
}

/// @param place below the root. A volume or a server is somebody else's; a folder of the machine itself may be root's.
InstanceMetadata read_folder(const System& system, const fs::path& place, const Seed& given) {
    const fs::path folder = system.path(place.string());
    const auto read_seed_file = [&](const std::string& name) {
        return read_file_if_exists(folder / name, largest_user_data);
    };
    const bool is_roots = is_roots_alone(system.root, place / "user-data");
    InstanceMetadata metadata = read_seed(system, read_seed_file, folder.string(), given);
    metadata.user_data_is_roots = is_roots;
    return metadata;
}

/// The file names are appended to the URL. @throws Error http.bad_url, which does not quote it
InstanceMetadata read_url(const System& system, const AgentConfig& config, const Seed& seed, std::stop_token stop) {
    if (seed.refused) {
        throw permanent_error(
            "http.bad_url", "the URL of the seed is refused: " + *seed.refused,
            "write it like http://10.0.0.1/ or http://[fd00::1]:8080/, or attach the seed as a volume");
    }
    const auto read_seed_file = [&](const std::string& name) {
        HttpRequest request{
            .url = seed.url.below("/" + name), .timeout = config.metadata_timeout, .max_bytes = largest_user_data};
        request.connect_timeout = std::min(request.connect_timeout, request.timeout);
        return fetch(system, request, stop);
    };
    return read_seed(system, read_seed_file, seed.url.below("").shown(), seed);
}

class NoCloud final : public Platform {
public:
    [[nodiscard]] std::string_view name() const override { return "nocloud"; }
    [[nodiscard]] Precedence precedence() const override { return Precedence::given; }

    [[nodiscard]] UserDataTerms user_data_terms() const override {
        return {.place = "the seed's file user-data, beside its meta-data"};
    }

    [[nodiscard]] std::vector<Evidence> detect(const System& system, const AgentConfig&) const override {
        const bool folder = has_seed_folder(system);
        return {
            {std::string(seed_folder), std::string(seed_folder) + " holds a seed", folder ? "a seed" : "(no such file)",
             folder},
            {"/proc/cmdline", "ds=nocloud on the kernel command line",
             kernel_parameter(system, "ds").value_or("(no ds=)"), seed_from_kernel(system).has_value()},
            file_evidence(system, "/sys/class/dmi/id/product_serial", "product_serial is ds=nocloud",
                          [&](std::string_view) { return seed_from_serial(system).has_value(); }),
            label_evidence(system, "cidata"),
            label_evidence(system, "CIDATA"),
        };
    }

    [[nodiscard]] InstanceMetadata read(const System& system, const AgentConfig& config,
                                        std::stop_token stop) const override {
        const auto from_kernel = seed_from_kernel(system);
        const auto seed = from_kernel ? from_kernel : seed_from_serial(system);
        if (has_seed_folder(system)) {
            return read_folder(system, seed_folder, seed.value_or(Seed{}));
        }
        if (seed && !seed->folder.empty()) {
            return read_folder(system, seed->folder, *seed);
        }
        if (seed && (seed->refused || !seed->url.empty())) {
            return read_url(system, config, *seed, stop);
        }
        if (const auto device = volume_device(system)) {
            const Volume volume = Volume::open(*device);
            const auto read_seed_file = [&](const std::string& name) {
                return volume.read_file_if_exists(name, largest_user_data);
            };
            // A volume's damaged folder looks empty: that proves nothing.
            if (!read_seed_file("meta-data") && !read_seed_file("user-data")) {
                throw transient_error("platform.seed_missing",
                                      "the volume " + device->string() + " has neither meta-data nor user-data",
                                      "make the volume anew; user-data may be an empty file");
            }
            return read_seed(system, read_seed_file, "volume " + device->filename().string(), seed.value_or(Seed{}));
        }
        throw transient_error(
            "platform.seed_missing",
            "the platform is nocloud, but there is neither a seed folder, nor a seed URL, nor a volume "
            "labelled cidata",
            "attach the volume, or write " + std::string(seed_folder) + "/user-data");
    }
};

const NoCloud nocloud;
const Registered<Platform> registered(nocloud);

}  // namespace

}  // namespace bootwright
