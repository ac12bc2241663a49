#include "agent/platform/platform.hpp"

#include "common/error.hpp"
#include "common/file.hpp"
#include "common/text.hpp"

#include <algorithm>
#include <charconv>
#include <system_error>

namespace bootwright {

namespace {

constexpr std::size_t largest_value = 4096;

std::vector<const Platform*>& registry() {
    static std::vector<const Platform*> platforms;
    return platforms;
}

const Platform& platform_by_name(const std::string& name, const std::string& said_by) {
    std::vector<std::string> names;
    for (const Platform* platform : platforms()) {
        if (platform->name() == name) {
            return *platform;
        }
        names.emplace_back(platform->name());
    }
    throw permanent_error("platform.unknown_name",
                          said_by + " asks for the platform \"" + name + "\", which is unknown",
                          "use one of: auto, " + joined(names, ", "));
}

std::optional<std::chrono::milliseconds> retry_after(const HttpResponse& response) {
    const auto header = response.headers.find("retry-after");
    if (header == response.headers.end()) {
        return std::nullopt;
    }
    const std::string& text = header->second;
    int seconds = 0;
    const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    const bool is_number = status == std::errc() && end == text.data() + text.size() && seconds >= 0;
    return is_number ? std::optional<std::chrono::milliseconds>(std::chrono::seconds(seconds)) : std::nullopt;
}

}  // namespace

Registration::Registration(const Platform& platform) { registry().push_back(&platform); }

std::vector<const Platform*> platforms() {
    auto sorted = registry();
    std::sort(sorted.begin(), sorted.end(), [](const Platform* a, const Platform* b) {
        return std::pair(a->precedence(), a->name()) < std::pair(b->precedence(), b->name());
    });
    return sorted;
}

const Platform& find_platform(const System& system, const AgentConfig& config) {
    if (const auto name = kernel_parameter(system, "bootwright.platform"); name && *name != "auto") {
        return platform_by_name(*name, "the kernel command line");
    }
    if (config.platform != "auto") {
        return platform_by_name(config.platform, "the image's configuration (agent.json)");
    }
    std::string rules;
    for (const Platform* platform : platforms()) {
        for (const Evidence& evidence : platform->detect(system, config)) {
            if (evidence.matched) {
                return *platform;
            }
            rules += "; " + std::string(platform->name()) + ": " + evidence.rule + ", but saw " + evidence.seen;
        }
    }
    throw transient_error("platform.not_recognised", "no rule recognised the platform of this machine" + rules,
                          "name it: \"platform\" in /etc/bootwright/agent.json, or bootwright.platform= on the kernel "
                          "command line");
}

InstanceMetadata read_instance_metadata(const System& system, const AgentConfig& config, std::stop_token stop) {
    return find_platform(system, config).read(system, config, stop);
}

std::optional<std::string> fetch(const System& system, const HttpRequest& request, std::stop_token stop) {
    HttpResponse response = system.http.send(request, stop);
    switch (response.status) {
        case 200: return std::move(response.body);
        case 204:
        case 404: return std::nullopt;
        default: break;
    }
    throw unexpected_answer(request, response);
}

Error unexpected_answer(const HttpRequest& request, const HttpResponse& response) {
    const bool refused = response.status == 401;
    Error error = transient_error(refused ? "platform.token_refused" : "platform.unexpected_answer",
                                  request.method + " " + without_credentials(request.url) + ": HTTP status " +
                                      std::to_string(response.status) + " from the metadata service",
                                  "nothing to do if it passes: the agent tries again; else ask the cloud's support");
    error.retry_after = retry_after(response);
    return error;
}

std::optional<std::string> read_value(const System& system, std::string_view path) {
    try {
        const auto content = read_file_if_exists(system.path(path), largest_value);
        return content ? std::optional<std::string>(trimmed(*content)) : std::nullopt;
    } catch (const Error&) {
        return std::nullopt;  // unreadable is as good as not there: detection goes on with the next rule
    }
}

std::optional<std::string> kernel_parameter(const System& system, std::string_view name) {
    // As the kernel reads it: a part between double quotes may hold spaces, and the quotes do not count.
    std::vector<std::string> words(1);
    bool is_quoted = false;
    for (const char c : read_value(system, "/proc/cmdline").value_or("")) {
        if (c == '"') {
            is_quoted = !is_quoted;
        } else if (c == ' ' && !is_quoted) {
            words.emplace_back();
        } else {
            words.back() += c;
        }
    }
    for (const std::string& word : words) {
        if (word.starts_with(std::string(name) + "=")) {
            return word.substr(name.size() + 1);
        }
    }
    return std::nullopt;
}

std::string machine_id(const System& system) {
    const auto id = read_value(system, "/etc/machine-id");
    if (!id || id->empty() || *id == "uninitialized") {
        throw transient_error("platform.no_identity", "this machine has no /etc/machine-id, so nothing identifies it",
                              "run systemd-machine-id-setup, or let the platform give an instance id");
    }
    return *id;
}

}  // namespace bootwright
