#include "agent/fleet/overview.hpp"

#include "common/base/clock.hpp"
#include "common/base/text.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

namespace bootwright {

namespace {

using Hosts = std::vector<std::string>;

std::string code_of(const Machine& machine) { return string_at(member_at(machine.said, "error"), "code"); }

std::string revision_of(const Machine& machine) { return string_at(machine.said, "revision"); }

bool is_good(const Machine& machine) {
    return machine.state == MachineState::good || machine.state == MachineState::differs;
}

/// How many there are of it, and the first few by name.
Json count_of(const Hosts& hosts) {
    constexpr std::size_t most_named = 5;
    const Hosts named(hosts.begin(), hosts.begin() + static_cast<long>(std::min(hosts.size(), most_named)));
    return {{"machines", hosts.size()}, {"such_as", named}};
}

/// The revisions that the good machines are at, by what they were asked to be.
using Role = std::pair<std::string, std::string>;
using Revisions = std::map<Role, std::map<std::string, Hosts>>;

Role role_of(const Machine& machine) { return {string_at(machine.said, "role"), string_at(machine.said, "asked")}; }

Revisions revisions_of(const std::vector<Machine>& machines) {
    Revisions revisions;
    for (const Machine& machine : machines) {
        if (is_good(machine)) {
            revisions[role_of(machine)][revision_of(machine)].push_back(machine.host);
        }
    }
    return revisions;
}

/// The revision of more machines than any other, or "" if two are equally many.
std::string most_common(const std::map<std::string, Hosts>& revisions) {
    const auto fewer = [](const auto& one, const auto& other) { return one.second.size() < other.second.size(); };
    const auto most = std::max_element(revisions.begin(), revisions.end(), fewer);
    const auto as_many = std::count_if(revisions.begin(), revisions.end(),
                                       [&](const auto& each) { return each.second.size() == most->second.size(); });
    return as_many == 1 ? most->first : "";
}

void mark_what_differs(std::vector<Machine>& machines, const Revisions& revisions) {
    for (Machine& machine : machines) {
        if (machine.state == MachineState::good &&
            revision_of(machine) != most_common(revisions.at(role_of(machine)))) {
            machine.state = MachineState::differs;
        }
    }
}

Json list_of(const Revisions& revisions) {
    Json list = Json::array();
    for (const auto& [role, by_revision] : revisions) {
        for (const auto& [revision, hosts] : by_revision) {
            list.push_back(count_of(hosts));
            list.back().update({{"role", text_or_null(role.first)},
                                {"asked", text_or_null(role.second)},
                                {"revision", text_or_null(revision)}});
        }
    }
    return list;
}

Json errors_of(const std::vector<Machine>& machines) {
    std::map<std::string, Hosts> by_code;
    for (const Machine& machine : machines) {
        if (const std::string code = code_of(machine); !code.empty()) {
            by_code[code].push_back(machine.host);
        }
    }
    Json errors = Json::array();
    for (const auto& [code, hosts] : by_code) {
        errors.push_back(count_of(hosts));
        errors.back()["code"] = code;
    }
    std::stable_sort(errors.begin(), errors.end(), [](const Json& one, const Json& other) {
        return number_at(one, "machines") > number_at(other, "machines");
    });
    return errors;
}

/// Something that a machine has: {"region", "us-west-2"}.
using Trait = std::pair<std::string, std::string>;

std::set<Trait> traits_of(const Machine& machine) {
    std::set<Trait> traits;
    for (const char* key : {"role", "role_config", "tried", "platform", "region", "zone", "type", "image",
                            "agent_version", "puppet_version"}) {
        if (const std::string value = string_at(machine.said, key); !value.empty()) {
            traits.emplace(key, value);
        }
    }
    for (const Json& failed : member_at(machine.said, "failed_resources")) {
        traits.emplace("failed resource", string_at(failed, "resource"));
    }
    if (const std::string code = code_of(machine); !code.empty()) {
        traits.emplace("error", code);
    }
    return traits;
}

/// How many machines have a trait, of the failed and of the others that said how they are.
struct Shares {
    Hosts failed;
    std::size_t others = 0;
};

/// What more of the failed have than of the others, so that it may be why.
Json in_common(const std::vector<Machine>& machines) {
    std::map<Trait, Shares> traits;
    std::size_t all_failed = 0;
    std::size_t all_others = 0;
    for (const Machine& machine : machines) {
        if (machine.state == MachineState::unreachable || machine.state == MachineState::unanswered) {
            continue;
        }
        const bool is_failed = machine.state == MachineState::failed;
        ++(is_failed ? all_failed : all_others);
        for (const Trait& trait : traits_of(machine)) {
            Shares& shares = traits[trait];
            if (is_failed) {
                shares.failed.push_back(machine.host);
            } else {
                ++shares.others;
            }
        }
    }
    std::vector<std::tuple<double, std::size_t, Json>> found;
    for (const auto& [trait, shares] : traits) {
        const double share =
            static_cast<double>(shares.failed.size()) / static_cast<double>(std::max(all_failed, std::size_t{1}));
        const double other_share =
            static_cast<double>(shares.others) / static_cast<double>(std::max(all_others, std::size_t{1}));
        constexpr double worth_a_line = 1.5;  // times as frequent
        if (shares.failed.size() >= 2 && share >= worth_a_line * other_share) {
            Json line = count_of(shares.failed);
            line.update({{"what", trait.first},
                         {"value", trait.second},
                         {"of_failed", all_failed},
                         {"others", shares.others},
                         {"of_others", all_others}});
            found.emplace_back(share - other_share, shares.failed.size(), std::move(line));
        }
    }
    std::stable_sort(found.begin(), found.end(), [](const auto& one, const auto& other) {
        return std::tie(std::get<0>(one), std::get<1>(one)) > std::tie(std::get<0>(other), std::get<1>(other));
    });
    constexpr std::size_t most_lines = 10;
    Json lines = Json::array();
    for (std::size_t i = 0; i < std::min(found.size(), most_lines); ++i) {
        lines.push_back(std::get<2>(found[i]));
    }
    return lines;
}

/// Why a machine needs a look, for people; "" if it does not.
std::string what_of(const Machine& machine) {
    if (const Json& error = member_at(machine.said, "error"); error.is_object()) {
        return string_at(error, "code") + ": " + string_at(error, "message");
    }
    switch (machine.state) {
        case MachineState::failed: return "its last run was cut off, or another is under way after one that failed";
        case MachineState::silent:
            return "no sign of life from its daemon since " + string_at(machine.said, "heartbeat");
        case MachineState::not_running: return "nothing has run since it booted, and no agent runs";
        case MachineState::not_yet: return "in stage " + string_at(machine.said, "stage");
        case MachineState::differs: return "most machines that were asked for the same are at another revision";
        default: return "";
    }
}

Json row_of(Machine machine) {
    const std::string what = what_of(machine);
    Json row = std::move(machine.said);
    row["what"] = text_or_null(what);
    row["host"] = machine.host;
    row["state"] = to_string(machine.state);
    row["needs_attention"] = needs_attention(machine.state);
    return row;
}

}  // namespace

Json overview_of(std::vector<Machine> machines, std::chrono::system_clock::time_point now) {
    const Revisions revisions = revisions_of(machines);
    mark_what_differs(machines, revisions);
    std::sort(machines.begin(), machines.end(), [](const Machine& one, const Machine& other) {
        return std::make_tuple(one.state, code_of(one), one.host) <
               std::make_tuple(other.state, code_of(other), other.host);
    });
    Json overview{{"schema", 1},
                  {"asked", to_iso8601(now)},
                  {"counts", Json::object()},
                  {"errors", errors_of(machines)},
                  {"in_common", in_common(machines)},
                  {"revisions", list_of(revisions)},
                  {"machines", Json::array()}};
    for (Machine& machine : machines) {
        const std::string state(to_string(machine.state));
        overview["counts"][state] = number_at(overview["counts"], state.c_str()) + 1;
        overview["machines"].push_back(row_of(std::move(machine)));
    }
    return overview;
}

namespace {

/// "failed (puppet.compile_failed)", "good at 0123456789ab"
std::string state_in_words(const Json& row) {
    constexpr std::size_t short_id = 12;
    const std::string code = string_at(member_at(row, "error"), "code");
    const std::string revision = string_at(row, "revision").substr(0, short_id);
    return string_at(row, "state") + (code.empty() ? "" : " (" + code + ")") +
           (revision.empty() ? "" : " at " + revision);
}

std::map<std::string, std::string> states_of(const Json& overview) {
    std::map<std::string, std::string> states;
    for (const Json& row : member_at(overview, "machines")) {
        states[string_at(row, "host")] = state_in_words(row);
    }
    return states;
}

}  // namespace

std::vector<std::string> changes_between(const Json& before, const Json& after) {
    const auto was = states_of(before);
    std::vector<std::string> changes;
    for (const auto& [host, state] : states_of(after)) {
        if (const auto found = was.find(host); found == was.end() || found->second != state) {
            changes.push_back(host + ": " + (found == was.end() ? "" : found->second + " → ") + state);
        }
    }
    return changes;
}

}  // namespace bootwright
