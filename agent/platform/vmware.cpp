// VMware vSphere: guestinfo variables, asked of the hypervisor by a program of open-vm-tools. Source of the protocol: the
// open-vm-tools manual (vmware-rpctool, vmtoolsd), and cloud-init's documentation of the variables' names, "VMware".
// https://docs.cloud-init.io/en/latest/reference/datasources/vmware.html

#include "agent/platform/document.hpp"
#include "agent/platform/machine.hpp"
#include "agent/platform/platform.hpp"
#include "common/base/encoding.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/documents/yaml.hpp"

#include <filesystem>
#include <system_error>

namespace bootwright {

namespace {

constexpr const char* rpctool = "/usr/bin/vmware-rpctool";
constexpr const char* toolsd = "/usr/bin/vmtoolsd";

bool exists(const System& system, const char* program) {
    std::error_code error;
    return std::filesystem::exists(system.path(program), error);
}

/// Reads one guestinfo variable. Returns nullopt if the hypervisor says that it is not set.
std::optional<std::string> guestinfo(const System& system, const AgentConfig& config, const std::string& name,
                                     const std::stop_token& stop) {
    constexpr std::size_t longest_line = 65535;  // the process port cuts what is longer
    const std::string question = "info-get guestinfo." + name;
    const bool has_rpctool = exists(system, rpctool);
    const ProcessRequest request{
        .arguments = has_rpctool ? std::vector<std::string>{system.path(rpctool).string(), question}
                                 : std::vector<std::string>{system.path(toolsd).string(), "--cmd", question},
        .environment = {{"PATH", "/usr/sbin:/usr/bin:/sbin:/bin"}, {"LC_ALL", "C.UTF-8"}},
        .timeout = config.metadata_timeout,
        .grace = std::chrono::seconds(1),
        .ends_family = true};
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
    const ProcessResult result = system.processes.run(request, events, stop);
    if (result.end == ProcessResult::End::stopped) {
        throw stopped_error();
    }
    const bool has_ended = result.end == ProcessResult::End::exited;
    if (has_ended && result.exit_code != 0 && (value + complaint).find("No value found") != std::string::npos) {
        return std::nullopt;
    }
    if (!has_ended || result.exit_code != 0) {
        throw transient_error("platform.unexpected_answer",
                              "`" + question + "` failed: " + (complaint.empty() ? "it gave no reason" : complaint),
                              "nothing to do if it passes: the agent tries again; else look at open-vm-tools' journal");
    }
    if (is_cut) {
        throw permanent_error("http.too_large",
                              "guestinfo." + name + " has a line of 64 KiB, or is larger than 1 MiB in all",
                              "make it smaller: gzip+base64 in lines of 76 letters, for instance");
    }
    return value;
}

/// A variable and, in `NAME.encoding`, how it is written: plain, base64, or gzip in base64.
std::optional<std::string> decoded_guestinfo(const System& system, const AgentConfig& config, const std::string& name,
                                             const std::stop_token& stop) {
    auto value = guestinfo(system, config, name, stop);
    const auto encoding = value ? guestinfo(system, config, name + ".encoding", stop) : std::nullopt;
    const std::string how(trimmed(encoding.value_or("")));
    const bool is_gzip = how == "gzip+base64" || how == "gz+b64";
    if (!value || how.empty()) {
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

class VMware final : public Platform {
public:
    [[nodiscard]] std::string_view name() const override { return "vmware"; }

    [[nodiscard]] UserDataTerms user_data_terms() const override {
        return {.place = "guestinfo.userdata, and what --encoding says as guestinfo.userdata.encoding"};
    }

    [[nodiscard]] std::vector<Evidence> detect(const System& system, const AgentConfig&) const override {
        Evidence product = dmi_starts_with(system, "product_name", "VMware");
        const char* tool = exists(system, rpctool) ? rpctool : toolsd;
        const bool has_tool = exists(system, tool);
        const bool is_vmware = product.matched && has_tool;  // one of them alone proves nothing that could be read
        product.matched = is_vmware;
        return {std::move(product),
                {tool, "and open-vm-tools is installed", has_tool ? "installed" : "(no such file)", is_vmware}};
    }

    [[nodiscard]] InstanceMetadata read(const System& system, const AgentConfig& config,
                                        std::stop_token stop) const override {
        const std::string text = decoded_guestinfo(system, config, "metadata", stop).value_or("");
        const auto document = parse_yaml(text, YamlScalars::as_written);
        if (!document || (!document->is_object() && !document->is_null())) {
            throw permanent_error("platform.bad_document", "guestinfo.metadata is not a YAML mapping",
                                  "write lines such as `instance-id: web-1`");
        }
        InstanceMetadata metadata{.platform = "vmware", .instance_id = text_at(*document, "instance-id")};
        if (metadata.instance_id.empty()) {
            metadata.instance_id = read_value(system, "/sys/class/dmi/id/product_uuid").value_or("");
        }
        if (metadata.instance_id.empty()) {
            throw transient_error("platform.no_identity",
                                  "neither guestinfo.metadata nor /sys/class/dmi/id/product_uuid names this instance",
                                  "set instance-id in guestinfo.metadata, and run the agent as root");
        }
        metadata.hostname = text_at(*document, "local-hostname");
        metadata.user_data = decoded_guestinfo(system, config, "userdata", stop);
        metadata.user_data_origin = "guestinfo.userdata";
        return metadata;
    }
};

const VMware vmware;
const Registered<Platform> registered(vmware);

}  // namespace

}  // namespace bootwright
