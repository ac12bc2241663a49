// Whether this machine knows who it is, and what it is to be.

#include "agent/doctor/examination.hpp"
#include "agent/doctor/patient.hpp"

#include <string>

namespace bootwright {

namespace {

Finding look_at_platform(const Patient& patient) {
    const std::string name = patient.platform == nullptr ? "" : std::string(patient.platform->name());
    if (patient.metadata_problem) {
        Finding finding = finding_of(*patient.metadata_problem);
        finding.what = name.empty() ? finding.what : "the platform is " + name + ": " + finding.what;
        return finding;
    }
    return good("the platform is " + name + ", and says that this is " + patient.instance.value_or("an instance"));
}

Finding look_at_role(const Patient& patient) {
    if (patient.role_problem) {
        return finding_of(*patient.role_problem);
    }
    if (!patient.role) {
        return not_known("there is no role config, since nobody says what this machine is to be", "");
    }
    const std::string of = patient.metadata_problem ? ", as it was last accepted" : "";
    return good("the role config is valid" + of + ": role " + patient.role->role);
}

std::vector<Finding> look(const Patient& patient, std::stop_token) {
    const Finding configuration =
        patient.config_problem ? finding_of(*patient.config_problem) : good("the image's configuration is valid");
    return {configuration, look_at_platform(patient), look_at_role(patient)};
}

const Examination instance_examination{.key = "instance", .limit = std::chrono::seconds(1), .look = look};
const Registered<Examination> registered(instance_examination);

}  // namespace

}  // namespace bootwright
