// Whether each secret on this machine can be read, and by nobody else. Those of a secret store are asked for with the places
// that need them.

#include "agent/doctor/examination.hpp"
#include "agent/doctor/patient.hpp"
#include "agent/servers/credentials.hpp"

#include <filesystem>
#include <optional>
#include <string>

namespace bootwright {

namespace {

namespace fs = std::filesystem;

Finding look_at(const System& system, const std::string& called, const SecretSource& source) {
    try {
        if (!read_local_secret(system, source)) {
            return good(called + " is in a secret store, which is asked with the place that needs it");
        }
        return good(called + " can be read, and by nobody else");
    } catch (const Error& error) {
        Finding finding = finding_of(error);
        const bool is_of_service = source.kind == "credential" && !system.environment.contains("CREDENTIALS_DIRECTORY");
        if (is_of_service) {  // systemd gives it to the service alone
            finding = not_known("only the service is given the systemd credential " + source.name,
                                "`systemctl show -p LoadCredential bootwright` says whether it is");
        }
        finding.what = called + ": " + finding.what;
        return finding;
    }
}

std::vector<Finding> look(const Patient& patient, std::stop_token) {
    const System& system = patient.system;
    const AgentConfig& config = patient.config;
    std::vector<Finding> findings;
    const auto add = [&](const std::string& called, const std::optional<SecretSource>& source) {
        if (source) {
            findings.push_back(look_at(system, called, *source));
        }
    };
    const auto add_file = [&](const std::string& called, const fs::path& file) {
        add(called, file.empty() ? std::nullopt : std::optional(SecretSource{"file", file.string()}));
    };
    for (const Credential& credential : config.repository.credentials) {
        add("the password for " + credential.host, credential.password);
        add("the ssh key for " + credential.host, credential.ssh_key);
    }
    std::error_code error;
    if (fs::exists(system.path(config.repository.ssh_key.string()), error)) {  // few need it
        add_file("repository.ssh_key", config.repository.ssh_key);
    }
    add_file("repository.client_key", config.repository.client_key);
    add_file("s3.keys_file", config.s3.keys_file);
    add("puppet.eyaml.private_key", config.puppet.eyaml.private_key);
    return findings.empty() ? std::vector{good("the image's configuration names no secret")} : findings;
}

const Examination credentials_examination{.key = "credentials", .limit = std::chrono::seconds(5), .look = look};
const Registered<Examination> registered(credentials_examination);

}  // namespace

}  // namespace bootwright
