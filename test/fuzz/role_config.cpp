// A role config from tags and user-data. The lines up to the first that is empty are tags, "revision=main"; the rest is
// the user-data.

#include "agent/role/role_layers.hpp"
#include "agent/role/shown_role.hpp"
#include "common/base/text.hpp"
#include "test/fuzz/fuzz.hpp"

using namespace bootwright;

namespace {

/// What the image's own role config holds; no instance's role config gets it into an error.
constexpr const char* secret = "correct-horse-battery-staple";

InstanceMetadata instance_of(const std::string& input) {
    InstanceMetadata instance{.platform = "fuzz", .instance_id = "i-1", .user_data_origin = "user-data"};
    const std::size_t end = input.find("\n\n");
    if (end == std::string::npos) {
        instance.user_data = input;
        return instance;
    }
    for (const std::string& line : split(input.substr(0, end), '\n')) {
        const std::size_t sign = std::min(line.find('='), line.size());
        instance.tags["bootwright:" + line.substr(0, sign)] = line.substr(std::min(sign + 1, line.size()));
    }
    instance.user_data = input.substr(end + 2);
    return instance;
}

AgentConfig config_of_image() {
    AgentConfig config;
    config.repository.allow_branches_and_tags = true;
    config.role_defaults.push_back(JsonDocument::parse(std::string(R"({"role_config": {"data": {"password": ")") +
                                                           secret + R"("}, "repository": {"url": "https://bw:)" +
                                                           secret + R"(@git.example.com/p.git"}}})",
                                                       "/etc/bootwright/agent.json", "config.invalid"));
    return config;
}

void check(const RoleConfig& role) {
    require(!role.role.empty() || !role.classes.empty(), "a role config without a role", role.role);
    require(!role.repository.url.empty() && !role.repository.revision.empty(), "a role config without a pin", "");
    require(role.repository.revision.front() != '-', "a revision that is an option", role.repository.revision);
    require(!role.facts.contains("cloud"), "a fact of the agent's own is set", "cloud");
    const std::string url = to_json(role).at("config").at("repository").at("url").get<std::string>();
    require(url.find(secret) == std::string::npos, "a URL that shows its credentials", url);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const AgentConfig config = config_of_image();
    const std::string input(reinterpret_cast<const char*>(data), size);
    if (input.find(secret) != std::string::npos) {
        return -1;  // libFuzzer sees it compared
    }
    const InstanceMetadata instance = instance_of(input);
    fuzz([&] { check(read_role_config(config, instance)); },
         [](const Error& error) {
             return error.kind == ErrorKind::permanent && error.code.starts_with("role.") &&
                    error.message.find(secret) == std::string::npos;
         });
    return 0;
}
