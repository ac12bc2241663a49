#include "agent/commands/launch/catalog_check.hpp"

#include "agent/puppet/certname.hpp"
#include "agent/puppet/environment.hpp"
#include "agent/puppet/invocation.hpp"
#include "agent/puppet/puppet.hpp"
#include "agent/puppet/puppet_program.hpp"
#include "agent/puppet/warm.hpp"
#include "agent/role/shown_role.hpp"
#include "common/base/clock.hpp"
#include "common/base/encoding.hpp"
#include "common/base/text.hpp"
#include "common/files/file.hpp"
#include "common/files/work_folder.hpp"

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <utility>

namespace bootwright {

namespace {

/// A machine that has nothing to say.
const InstanceMetadata nobody{.platform = "file", .instance_id = "validate"};

/// What is told of a folder that no commit stands for. Puppet takes an environment's version of any kind.
const std::string no_revision(40, '0');

Error missing_repository(const std::string& name) {
    return permanent_error("validate.no_repository",
                           "the role config has a repository \"" + name + "\" beside this one",
                           "say where a working copy of it is: --beside " + name + "=FOLDER");
}

PuppetPlace place_in(const WorkFolder& work, const System& system, const AgentConfig& image, const RoleConfig& role,
                     const WorkingCopy& copy) {
    const std::string captured = copy.facts ? string_at(copy.facts->facts, "clientcert") : "";
    return {.program = find_puppet(system, image).path,
            .state = work.path() / "puppet",
            .environment_name = environment_name(role),
            .certname = captured.empty() ? certname(system, nobody, role) : as_certname(captured),
            .observer = system.ruby_folder / "observe.rb",
            .trusted_facts = system.program("trusted-facts"),
            .proxy = {},
            .repositories = work.path() / "repositories"};
}

void link_beside(const PuppetPlace& place, const RoleConfig& role, const WorkingCopy& copy) {
    for (const RoleConfig::Beside& each : role.repositories) {
        const auto found = copy.beside.find(each.name);
        if (found == copy.beside.end()) {
            throw missing_repository(each.name);
        }
        make_folder(place.repositories / each.name, 0700);
        point_to(place.repositories / each.name / "current", found->second.string());
    }
}

/// What a captured machine says of itself stands in the place of what this one says.
void give_facts(const PuppetFiles& files, const PuppetPlace& place, const AgentConfig& image, const RoleConfig& role,
                const MachineFacts& captured) {
    const Json facts = facts_for(captured, image, role);
    write_file(files.given_facts(), to_line({{"facts", facts}, {"order", captured.order}}), 0600);
    write_file(place.state / "trusted.json", to_text({{"cloud", member_at(facts, "cloud")}}), 0600);
}

ProcessRequest request_for(const PuppetFiles& files, const PuppetPlace& place, const AgentConfig& image,
                           const RoleConfig& role, const Checkout& checkout, const WorkingCopy& copy) {
    ProcessRequest request = puppet_request(files, place, image, role, checkout);
    request.timeout = copy.timeout;
    request.limits.reset();  // the machine's, which may not be the caller's to set
    request.ends_family = true;
    request.environment["HOME"] = files.folder.string();  // root's is closed to others
    request.environment["BOOTWRIGHT_ONLY_COMPILE"] = "1";
    request.environment["BOOTWRIGHT_TRUSTED_FACTS"] = (place.state / "trusted.json").string();
    return request;
}

/// What people declare: a class, stage or node definition holds others.
std::uint64_t resources_in(const PuppetFiles& files) {
    constexpr std::size_t largest = std::size_t{256} << 20U;
    const std::string packed = read_or_empty(files.catalog(), largest);
    const Json catalog = parse_json(decompress_gzip(packed, largest).value_or(""));
    const Json& resources = member_at(catalog, "resources");
    return static_cast<std::uint64_t>(std::count_if(resources.begin(), resources.end(), [](const Json& resource) {
        const std::string type = string_at(resource, "type");
        return type != "Class" && type != "Stage" && type != "Node";
    }));
}

std::optional<std::string> other_puppet(const WorkingCopy& copy, const std::string& version) {
    const std::string captured = copy.facts ? string_at(copy.facts->facts, "puppetversion") : "";
    if (captured.empty() || version.empty() || captured == version) {
        return std::nullopt;
    }
    return "the facts are of a machine with Puppet " + printable(captured) + ", and this is Puppet " + version;
}

/// The same error, with what to do here, where no record of a run is left.
Error for_developers(const Error& error, const WorkingCopy& copy) {
    if (error.code == "puppet.timeout") {
        return Error(error.kind, error.code,
                     "the catalog was not compiled after " + to_human(copy.timeout) + ", and Puppet was ended",
                     "look for a function or fact that waits for something, or give it more time with --timeout");
    }
    if (error.code == "puppet.run_failed") {
        return Error(error.kind, error.code, error.message,
                     "correct what Puppet says; `df -h` if the disk may be full");
    }
    return error;
}

CatalogCheck compile(const System& system, AgentConfig image, RoleConfig role, const WorkingCopy& copy,
                     std::stop_token stop) {
    image.puppet.warm = false;
    role.puppet.noop = true;  // restraint.rb applies nothing; nor would a Puppet that did
    const Checkout checkout{.revision = no_revision, .folder = copy.folder};
    const WorkFolder work;
    const PuppetFiles files(work.path() / "run");
    const PuppetProgram program = find_puppet(system, image);
    const PuppetPlace place = place_in(work, system, image, role, copy);
    link_beside(place, role, copy);
    make_folder(files.folder, 0700);
    prepare_puppet(files, place, image, nobody, role, checkout, Json::object());
    if (copy.facts) {
        give_facts(files, place, image, role, *copy.facts);
    }
    PuppetTraces traces{.wanted = {role.role, environments_to_choose(checkout, role)},
                        .missing = missing_modules(checkout),
                        .is_working_copy = true,
                        .folders = {copy.folder.string(), repository_in_code(place.code(), role).string()},
                        .redactor = secrets_of(role)};
    const auto keep = [&](std::string_view line) {
        if (line != compiled_marker) {
            keep_output(traces, line);
        }
    };
    PuppetStart start;
    traces.process = WarmPuppet(system, image)
                         .run(program, request_for(files, place, image, role, checkout, copy),
                              {.line = keep, .error_line = keep}, std::move(stop), start);
    take_traces(traces, files);
    PuppetResult result = read_puppet_result(traces);
    CatalogCheck check{
        .warnings = std::move(result.warnings), .digest = result.catalog_digest, .puppet_version = result.version};
    if (const auto other = other_puppet(copy, result.version)) {
        check.warnings.push_back(*other);
    }
    if (result.error) {
        check.error = for_developers(*result.error, copy);
        return check;
    }
    if (!traces.missing.empty()) {
        check.warnings.push_back("modules of the Puppetfile are not in this folder: " + listed(traces.missing) + "; " +
                                 advice_without_modules);
    }
    check.resources = resources_in(files);
    return check;
}

}  // namespace

CatalogCheck check_catalog(const System& system, const AgentConfig& image, const RoleConfig& role,
                           const WorkingCopy& copy, std::stop_token stop) {
    CatalogCheck check;
    try {
        check = compile(system, image, role, copy, std::move(stop));
    } catch (const Error& error) {
        if (error.code.starts_with("io.")) {
            throw;
        }
        check.error = error;
    }
    if (check.error && check.error->kind == ErrorKind::stopped) {
        throw Error(*check.error);
    }
    return check;
}

Json facts_for(const MachineFacts& captured, const AgentConfig& image, const RoleConfig& role) {
    Json facts = captured.facts;
    for (const auto& [name, value] : role.facts.items()) {
        facts[name] = value;
    }
    if (!role.role.empty()) {
        facts[image.puppet.role_fact] = role.role;
    }
    return facts;
}

Json to_json(const CatalogCheck& check) {
    return {{"good", !check.error.has_value()},
            {"resources", check.error ? Json() : Json(check.resources)},
            {"warnings", check.warnings},
            {"digest", text_or_null(check.digest)},
            {"puppet_version", text_or_null(check.puppet_version)},
            {"error", check.error ? to_json(*check.error) : Json()}};
}

}  // namespace bootwright
