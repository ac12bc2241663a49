// VMware vSphere: guestinfo variables, asked of the hypervisor by a program of open-vm-tools, and the OVF environment, which
// is one of them or a volume. Source of the protocol: the open-vm-tools manual (vmware-rpctool, vmtoolsd); VMware, "vSphere
// Virtual Machine Administration", "OVF environment"; and cloud-init's documentation of the names, "VMware" and "OVF".
// https://docs.cloud-init.io/en/latest/reference/datasources/vmware.html
// https://docs.cloud-init.io/en/latest/reference/datasources/ovf.html

#include "agent/platform/container.hpp"
#include "agent/platform/document.hpp"
#include "agent/platform/machine.hpp"
#include "agent/platform/ovf_environment.hpp"
#include "agent/platform/platform.hpp"
#include "common/base/encoding.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/documents/yaml.hpp"
#include "common/files/volume.hpp"

#include <array>
#include <filesystem>
#include <system_error>
#include <utility>

namespace bootwright {

namespace {

namespace fs = std::filesystem;

constexpr const char* rpctool = "/usr/bin/vmware-rpctool";
constexpr const char* toolsd = "/usr/bin/vmtoolsd";

bool exists(const System& system, const std::string& path) {
    std::error_code error;
    return fs::exists(system.path(path), error);
}

/// The variables of this machine, for as long as one reading takes.
class GuestInfo {
public:
    GuestInfo(const System& system, const AgentConfig& config, std::stop_token stop)
        : system_(system), config_(config), stop_(std::move(stop)) {}

    /// A variable, decoded as `NAME.encoding` says: plain, base64, or gzip in base64. Returns nullopt if the hypervisor says
    /// that it is not set, or if it was cleared.
    std::optional<std::string> read(const std::string& name) {
        auto value = get(name);
        if (!value || trimmed(*value) == cleared) {
            return std::nullopt;
        }
        const std::string how(trimmed(get(name + ".encoding").value_or("")));
        const bool is_gzip = how == "gzip+base64" || how == "gz+b64";
        if (how.empty()) {
            return value;
        }
        auto decoded = is_gzip || how == "base64" || how == "b64" ? decode_base64(*value) : std::nullopt;
        if (decoded && is_gzip) {
            decoded = decompress_gzip(*decoded, largest_user_data);
        }
        if (!decoded) {
            throw permanent_error("platform.bad_document",
                                  "guestinfo." + name + " is not what guestinfo." + name + ".encoding says",
                                  "write base64 or gzip+base64 there, and the value accordingly");
        }
        return decoded;
    }

    /// The same as it stands there.
    std::optional<std::string> get(const std::string& name) {
        const std::string question = "info-get guestinfo." + name;
        while (true) {
            const char* const program = next_program();
            if (program == nullptr) {
                throw transient_error(
                    "platform.unexpected_answer", "`" + question + "` failed: " + refusals_,
                    "nothing to do if it passes: the agent tries again; else look at open-vm-tools' journal. Where the "
                    "virtual machine demands secure RPC, only vmtoolsd may ask");
            }
            const Answer answer = ask(program, question);
            if (answer.is_cut) {
                throw permanent_error("http.too_large",
                                      "guestinfo." + name + " has a line of 64 KiB, or is larger than 1 MiB in all",
                                      "make it smaller: gzip+base64 in lines of 76 letters, for instance");
            }
            if (!answer.refusal) {
                return answer.value;
            }
            refuse(program, *answer.refusal);
        }
    }

private:
    /// cloud-init's documentation, "VMware": what stands where user-data or metadata were redacted.
    static constexpr std::string_view cleared = "---";

    struct Answer {
        std::optional<std::string> value{};  ///< nullopt: it is not set
        bool is_cut = false;
        std::optional<std::string> refusal{};  ///< why neither is known
    };

    /// Where the hypervisor demands secure RPC (guest_rpc.rpci.auth.cmd.info-get), it refuses vmware-rpctool, which is
    /// asked first since it is the lighter one. Returns nullptr if there is none left.
    const char* next_program() {
        for (; used_ < programs.size(); ++used_) {
            if (exists(system_, programs[used_])) {
                return programs[used_];
            }
            add_refusal(programs[used_], "not installed");
        }
        return nullptr;
    }

    void refuse(const char* program, const std::string& why) {
        add_refusal(program, why);
        ++used_;
    }

    void add_refusal(const char* program, const std::string& why) {
        refusals_ += (refusals_.empty() ? "" : "; ") + std::string(program) + ": " + why;
    }

    [[nodiscard]] Answer ask(const std::string& program, const std::string& question) const {
        constexpr std::size_t longest_line = 65535;  // the process port cuts what is longer
        ProcessRequest request{.arguments = {system_.path(program).string(), question},
                               .environment = {{"PATH", "/usr/sbin:/usr/bin:/sbin:/bin"}, {"LC_ALL", "C.UTF-8"}},
                               .timeout = config_.metadata_timeout,
                               .grace = std::chrono::seconds(1),
                               .ends_family = true};
        if (program == toolsd) {
            request.arguments.insert(request.arguments.begin() + 1, "--cmd");
        }
        std::string value;
        std::string complaint;
        bool is_cut = false;
        const ProcessEvents events{.line =
                                       [&](std::string_view line) {
                                           is_cut = is_cut || line.size() >= longest_line ||
                                                    value.size() + line.size() > largest_user_data;
                                           value += is_cut ? "" : std::string(line) + "\n";
                                       },
                                   .error_line = [&](std::string_view line) { complaint = shortened(line, 200); }};
        ProcessResult result;
        try {
            result = system_.processes.run(request, events, stop_);
        } catch (const Error& error) {
            if (error.code != "process.cannot_start") {
                throw;
            }
            return {.refusal = error.message};
        }
        if (result.end == ProcessResult::End::stopped) {
            throw stopped_error();
        }
        if (result.end == ProcessResult::End::timed_out) {
            return {.refusal = "no answer within " + to_human(config_.metadata_timeout)};
        }
        const bool has_ended = result.end == ProcessResult::End::exited;
        if (has_ended && result.exit_code == 0) {
            return {.value = std::move(value), .is_cut = is_cut};
        }
        if (has_ended && (value + complaint).find("No value found") != std::string::npos) {
            return {};
        }
        return {.refusal = complaint.empty() ? "it gave no reason" : complaint};
    }

    static constexpr std::array<const char*, 2> programs{rpctool, toolsd};

    const System& system_;
    const AgentConfig& config_;
    std::stop_token stop_;
    std::size_t used_ = 0;    ///< of `programs`: those before it have refused
    std::string refusals_{};  ///< what they said
};

/// The links that udev makes for the labels of such volumes, which no standard names: \x20 is its space.
constexpr std::array<const char*, 6> ovf_volumes{
    R"(/dev/disk/by-label/OVF\x20ENV)", R"(/dev/disk/by-label/ovf\x20env)", "/dev/disk/by-label/OVFENV",
    "/dev/disk/by-label/ovfenv",        "/dev/disk/by-label/OVF-TRANSPORT", "/dev/disk/by-label/ovf-transport"};

/// Below the root; "" if there is none.
std::string ovf_volume(const System& system) {
    for (const char* link : ovf_volumes) {
        if (exists(system, link)) {
            return link;
        }
    }
    return "";
}

bool has_tools(const System& system) { return exists(system, rpctool) || exists(system, toolsd); }

Evidence product_evidence(const System& system) { return dmi_starts_with(system, "product_name", "VMware"); }

OvfEnvironment read_ovf_volume(const System& system, const std::string& path) {
    const auto text = Volume::open(system.path(path)).read_file_if_exists(ovf_environment_file, largest_user_data);
    const auto environment = parse_ovf_environment(text.value_or(""));
    if (!environment) {  // a volume's damaged folder looks empty: that proves nothing
        throw transient_error("platform.bad_document",
                              std::string(ovf_environment_file) + " of the volume " + system.path(path).string() +
                                  " is no OVF environment",
                              "switch the virtual machine off and on, which makes the volume anew; a document type "
                              "(DOCTYPE) is refused");
    }
    return *environment;
}

/// @param volume "" if there is none
OvfEnvironment read_ovf_environment(const System& system, GuestInfo* guestinfo, const std::string& volume) {
    if (const auto text = guestinfo != nullptr ? guestinfo->get("ovfEnv") : std::nullopt) {
        const auto environment = parse_ovf_environment(*text);
        if (!environment) {
            throw permanent_error("platform.bad_document", "guestinfo.ovfEnv is no OVF environment",
                                  "look at `vmtoolsd --cmd \"info-get guestinfo.ovfEnv\"`: it must be XML, without a "
                                  "document type (DOCTYPE)");
        }
        return *environment;
    }
    return volume.empty() ? OvfEnvironment{} : read_ovf_volume(system, volume);
}

constexpr const char* role_config_property = "bootwright.role_config";

/// The properties that are meant for the agent or for cloud-init. An empty one is as a template declares it: not set.
/// @param metadata what guestinfo.userdata and guestinfo.metadata say, which wins but for a role config
void add_properties(InstanceMetadata& metadata, std::map<std::string, std::string> properties) {
    const auto value = [&](const char* key) { return properties[key]; };
    if (metadata.instance_id.empty() && value("instance-id") != "id-ovf") {  // what templates set for all their clones
        metadata.instance_id = value("instance-id");
    }
    for (const char* key : {"hostname", "local-hostname"}) {
        metadata.hostname = metadata.hostname.empty() ? value(key) : metadata.hostname;
    }
    const bool has_role_config = !value(role_config_property).empty();
    const char* const key = has_role_config ? role_config_property : "user-data";
    if (!value(key).empty() && (has_role_config || !metadata.user_data)) {
        metadata.user_data = decoded_user_data(value(key));
        metadata.user_data_origin = std::string("vApp property ") + key;
    }
    for (const auto& [name, text] : properties) {
        if (bootwright_key(name) && name != role_config_property && !text.empty()) {
            metadata.tags[name] = text;
        }
    }
}

class VMware final : public Platform {
public:
    [[nodiscard]] std::string_view name() const override { return "vmware"; }

    [[nodiscard]] UserDataTerms user_data_terms() const override {
        return {.place =
                    "guestinfo.userdata, and what --encoding says as guestinfo.userdata.encoding; or a vApp property "
                    "user-data, in base64"};
    }

    [[nodiscard]] std::vector<Evidence> detect(const System& system, const AgentConfig&) const override {
        Evidence product = product_evidence(system);
        const bool has_program = has_tools(system);
        const bool is_vmware = product.matched && has_program;  // one of them alone proves nothing that could be read
        product.matched = is_vmware;
        const std::string volume = ovf_volume(system);
        return {std::move(product),
                {exists(system, rpctool) ? rpctool : toolsd, "and open-vm-tools is installed",
                 has_program ? "installed" : "(no such file)", is_vmware},
                {volume.empty() ? ovf_volumes.front() : volume, "a volume is labelled OVF ENV, OVFENV or OVF-TRANSPORT",
                 volume.empty() ? "(no such file)" : "there", !volume.empty(), Rank::seed_of_machine}};
    }

    [[nodiscard]] InstanceMetadata read(const System& system, const AgentConfig& config,
                                        std::stop_token stop) const override {
        const std::string volume = container(system) ? "" : ovf_volume(system);  // a container's is its host's
        // On another hypervisor the tools may be installed, and have nobody to ask.
        const bool has_guestinfo = volume.empty() || (product_evidence(system).matched && has_tools(system));
        GuestInfo guestinfo(system, config, std::move(stop));
        InstanceMetadata metadata{.platform = "vmware", .instance_id = ""};
        metadata.user_data_origin = "guestinfo.userdata";
        if (has_guestinfo) {
            read_guestinfo(metadata, guestinfo);
        }
        add_properties(metadata, read_ovf_environment(system, has_guestinfo ? &guestinfo : nullptr, volume).properties);
        if (metadata.instance_id.empty()) {
            metadata.instance_id = read_value(system, "/sys/class/dmi/id/product_uuid").value_or("");
        }
        if (metadata.instance_id.empty()) {
            throw transient_error("platform.no_identity",
                                  "neither guestinfo.metadata, nor a vApp property instance-id, nor "
                                  "/sys/class/dmi/id/product_uuid names this instance",
                                  "set instance-id in guestinfo.metadata, and run the agent as root");
        }
        return metadata;
    }

private:
    static void read_guestinfo(InstanceMetadata& metadata, GuestInfo& guestinfo) {
        const auto document = parse_yaml(guestinfo.read("metadata").value_or(""), YamlScalars::as_written);
        if (!document || (!document->is_object() && !document->is_null())) {
            throw permanent_error("platform.bad_document", "guestinfo.metadata is not a YAML mapping",
                                  "write lines such as `instance-id: web-1`");
        }
        metadata.instance_id = text_at(*document, "instance-id");
        metadata.hostname = text_at(*document, "local-hostname");
        metadata.user_data = guestinfo.read("userdata");
    }
};

const VMware vmware;
const Registered<Platform> registered(vmware);

}  // namespace

}  // namespace bootwright
