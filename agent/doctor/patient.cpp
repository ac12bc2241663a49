#include "agent/doctor/patient.hpp"

#include "agent/platform/detection.hpp"
#include "agent/record/kept_instance.hpp"
#include "agent/repository/fetch_request.hpp"
#include "agent/role/role_layers.hpp"
#include "agent/run/pins.hpp"
#include "agent/servers/proxy.hpp"

#include <algorithm>
#include <utility>

namespace bootwright {

namespace {

std::optional<InstanceMetadata> metadata_now(Patient& patient, const std::stop_token& stop) {
    try {
        const Detection detection = detect_platform(patient.system, patient.config, stop);
        patient.platform = detection.instance;
        if (detection.platform == nullptr) {
            throw not_recognised(detection);
        }
        InstanceMetadata metadata = read_instance(detection, patient.system, patient.config, stop);
        patient.instance = metadata.instance_id;
        return metadata;
    } catch (const Error& error) {
        patient.metadata_problem = error;
        return std::nullopt;
    }
}

std::optional<InstanceMetadata> kept_metadata(const System& system) {
    const auto kept = read_kept_instance(system);
    return kept && is_this_machine(system, *kept) ? std::optional(kept->metadata) : std::nullopt;
}

}  // namespace

Patient meet(const System& system, std::stop_token stop) {
    constexpr std::chrono::milliseconds patience{3000};  // for one request
    Patient patient{.system = system};
    try {
        patient.config = read_agent_config(system);
    } catch (const Error& error) {
        patient.config_problem = error;
    }
    patient.config.metadata_timeout = std::min(patient.config.metadata_timeout, patience);
    auto metadata = metadata_now(patient, stop);
    try {
        if (!metadata) {
            metadata = kept_metadata(system);
        }
        if (metadata) {
            patient.role = read_role_config(patient.config, *metadata);
        }
    } catch (const Error& error) {
        patient.role_problem = error;
    }
    return patient;
}

std::vector<RepositoryPin> pins_of(const Patient& patient) {
    std::vector<RepositoryPin> pins;
    if (!patient.role) {
        return pins;
    }
    const RoleConfig& role = *patient.role;
    if (!role.configuration.url.empty()) {
        pins.push_back(pin_of(role.configuration, std::nullopt));
    }
    if (!role.repository.url.empty()) {  // else it stands in that one
        pins.push_back(pin_of(role.repository, std::nullopt));
    }
    for (const RoleConfig::Beside& beside : role.repositories) {
        pins.push_back(pin_of(beside, std::nullopt));
    }
    return pins;
}

FetchRequest request_for(const Patient& patient, const RepositoryPin& pin, std::stop_token stop) {
    const RepositoryStage stage{
        .events = {}, .heard = {}, .identity = [&](CloudService service) -> std::optional<CloudIdentity> {
            return patient.platform == nullptr
                       ? std::nullopt
                       : patient.platform->identity(patient.system, patient.config, service, stop);
        }};
    return fetch_request_for(patient.system, patient.config, pin, stage);
}

AgentConfig::Repository repository_settings(const Patient& patient) {
    AgentConfig::Repository settings = patient.config.repository;
    add_proxy_of(patient.system.environment, settings);
    return settings;
}

}  // namespace bootwright
