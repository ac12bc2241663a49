#include "agent/role/keys/role_keys.hpp"

#include "agent/role/keys/role_values.hpp"
#include "common/documents/duration.hpp"
#include "common/documents/key_table.hpp"
#include "common/documents/schema_text.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <iterator>
#include <optional>
#include <type_traits>
#include <utility>

namespace bootwright {

namespace {

using enum KeyTrust;
using Puppet = RoleConfig::Puppet;
using Schedule = RoleConfig::Schedule;

/// Adds to a row how to read and show its value.
/// @param read as those of role_values.hpp @param write Json of the value
template <typename At, typename Read, typename Write>
RoleKey key(RoleKey row, At at, Read read, Write write) {
    row.read = [at, read](RoleConfig& role, ObjectReader& section, const std::string& word, const RoleLayer&) {
        if (auto value = read(section, word)) {
            at(role) = std::move(*value);
        }
    };
    row.value = [at, write](const RoleConfig& role) { return Json(write(at(role))); };
    return row;
}

Json as_is(const Json& value) { return value; }

Json shown(const Url& url) { return url.shown(); }

Json shown_all(const std::vector<Url>& urls) {
    Json all = Json::array();
    std::transform(urls.begin(), urls.end(), std::back_inserter(all), shown);
    return all;
}

Json written_or_null(const std::optional<std::chrono::milliseconds>& duration) {
    return duration ? Json(written(*duration)) : Json();
}

// What a pinned repository has, whatever it is for. @param section where it stands

template <typename Pinned>
RoleKey url_key(Pinned RoleConfig::*section, RoleKey row) {
    row.schema = text_schema();
    return key(std::move(row), at(section, &Pinned::url), read_place, shown);
}

template <typename Pinned>
RoleKey mirrors_key(Pinned RoleConfig::*section, RoleKey row) {
    row.schema = list_schema(text_schema(), R"("maxItems": )" + std::to_string(most_mirrors));
    return key(std::move(row), at(section, &Pinned::mirrors), read_mirrors, shown_all);
}

template <typename Pinned>
RoleKey revision_key(Pinned RoleConfig::*section, RoleKey row) {
    row.schema = text_schema("^[A-Za-z0-9_./+][A-Za-z0-9_./+-]*$", 200);
    row.read = [section](RoleConfig& role, ObjectReader& reader, const std::string& word, const RoleLayer& layer) {
        std::string& revision = (role.*section).revision;
        revision = read_revision(reader, word, layer.allows_names).value_or(revision);
    };
    row.value = [section](const RoleConfig& role) { return Json((role.*section).revision); };
    return row;
}

/// Facts and data: the layers are merged, entry by entry.
RoleKey entries_key(RoleKey row, Json RoleConfig::*entries,
                    std::optional<Json> (*read)(ObjectReader& section, const std::string& word)) {
    row.holds_names = true;
    row.read = [entries, read](RoleConfig& role, ObjectReader& section, const std::string& word, const RoleLayer&) {
        (role.*entries).update(read(section, word).value_or(Json::object()));
    };
    row.value = [entries](const RoleConfig& role) { return role.*entries; };
    return row;
}

std::vector<RoleKey> machine_keys() {
    return {
        key({.name = "role",
             .why = "chooses among what the code offers",
             .meaning = "reaches Puppet as an external fact (`$facts['role']`; the name is the image's choice)",
             .schema = text_schema("^[!-~]+$", 255)},
            at(&RoleConfig::role), read_role_name, as_is),
        key({.name = "classes",
             .why = "the same; a class that takes a command from Hiera gives root to whoever may say `data`: fix both "
                    "where the modules have such classes",
             .meaning = "classes that are included besides what `site.pp` says; `role` or `classes` must be there",
             .schema = list_schema(text_schema("^[a-z][a-z0-9_]*(::[a-z][a-z0-9_]*)*$"))},
            at(&RoleConfig::classes), read_class_names, as_is),
        entries_key({.name = "facts",
                     .why = "words for Puppet; the code decides what they mean",
                     .meaning = "further external facts; `cloud` and `bootwright` are [the agent's "
                                "own](puppet.md#the-fact-cloud), and cannot be set",
                     .schema = names_schema(R"("pattern": "^[a-z][a-z0-9_-]*$")")},
                    &RoleConfig::facts, read_facts),
        entries_key({.name = "data",
                     .why = "the same, above all of the repository's own data",
                     .meaning = "the top layer of Hiera, above everything in the control repository; never shown, kept "
                                "0600",
                     .schema = names_schema(R"("minLength": 1)")},
                    &RoleConfig::data, read_data),
    };
}

std::vector<RoleKey> repository_keys() {
    constexpr auto section = &RoleConfig::repository;
    return {
        url_key(section,
                {.name = "repository.url",
                 .why = "signatures count wherever a commit comes from; without them, fix it",
                 .meaning = "`https`, `http`, `ssh`, `git` or `file`, or a [place of snapshots](#places-of-snapshots), "
                            "which has full commit ids and no branches; no `@` but before the host, no `#`; user and "
                            "password in it are used over https and never shown (over http they are refused); each of "
                            "their signs that is no letter and no digit is written as `%XX`"}),
        {.name = "repository.url.file",
         .trust = guarded,
         .why = "a `file://` URL: root would read a repository that a local user has made"},
        mirrors_key(section, {.name = "repository.mirrors",
                              .trust = guarded_by_url,
                              .why = "guarded where `repository.url` is fixed: a mirror is a way past it",
                              .meaning = "other places of the same repository, at most 32: such URLs, and [places of "
                                         "snapshots](#places-of-snapshots)"}),
        {.name = "repository.mirrors.file", .trust = guarded, .why = "as above"},
        revision_key(section, {.name = "repository.revision",
                               .why = "what is pinned must be signed; without signatures, fix it",
                               .meaning = "a full commit id; a branch or tag only where the image allows it"}),
        key({.name = "repository.environment",
             .why = "a folder of what is pinned",
             .meaning = "the folder `environments/NAME` of the repository, instead of the whole of it; `[a-z0-9_]+`",
             .schema = text_schema("^[a-z0-9_]*$", 100)},
            at(section, &RoleConfig::Repository::environment), read_environment, as_is),
    };
}

std::vector<RoleKey> configuration_keys() {
    constexpr auto section = &RoleConfig::configuration;
    return {
        url_key(section, {.name = "configuration.url",
                          .trust = guarded_by_url,
                          .why = "guarded where `repository.url` is fixed: its data and its role config would be a way "
                                 "past it",
                          .meaning = "a second repository; without `url` and `revision` there is none"}),
        {.name = "configuration.url.file", .trust = guarded, .why = "a `file://` URL, as above"},
        mirrors_key(section, {.name = "configuration.mirrors",
                              .trust = guarded_by_url,
                              .why = "guarded where `repository.url` or `configuration.url` is fixed",
                              .meaning = "its other places, as `repository.mirrors`"}),
        {.name = "configuration.mirrors.file", .trust = guarded, .why = "a `file://` URL, as above"},
        revision_key(section, {.name = "configuration.revision",
                               .trust = guarded_by_url,
                               .why = "as `configuration.url`",
                               .meaning = "its pin, as `repository.revision`"}),
        key({.name = "configuration.path",
             .trust = guarded_by_url,
             .why = "as `configuration.url`",
             .meaning = "a file in it that is [a layer of the role config](repository.md#a-second-repository); "
                        "relative, no `..`",
             .schema = text_schema("^([!-.0-~]+(/[!-.0-~]+)*)?$", 500)},
            at(section, &RoleConfig::Configuration::path), read_path_inside, as_is),
    };
}

std::vector<RoleKey> beside_keys() {
    RoleKey all{.name = "repositories",
                .trust = guarded,
                .why = "the code of their modules runs as root, whatever the control repository is pinned to",
                .meaning =
                    "more repositories, [data, secrets or modules](repository.md#more-repositories) beside the control "
                    "repository, at most 16: each an object with `name`, `url`, `revision` and perhaps `mirrors`",
                .schema = repositories_schema()};
    all.read = [](RoleConfig& role, ObjectReader& section, const std::string& word, const RoleLayer& layer) {
        if (auto repositories = read_repositories(section, word, layer.allows_names)) {
            role.repositories = std::move(*repositories);
        }
    };
    all.value = [](const RoleConfig& role) {
        Json list = Json::array();
        for (const RoleConfig::Beside& each : role.repositories) {
            list.push_back({{"name", each.name},
                            {"url", each.url.shown()},
                            {"mirrors", shown_all(each.mirrors)},
                            {"revision", each.revision}});
        }
        return list;
    };
    return {all};
}

std::vector<RoleKey> puppet_keys() {
    static const std::vector<std::string> words{"stay", "last_good"};  // in the order of the enumeration
    const auto read_on_failure = [](ObjectReader& section, const std::string& word) {
        const auto chosen = section.choice(word, words);
        return chosen ? std::optional(static_cast<Puppet::OnFailure>(*chosen)) : std::nullopt;
    };
    const auto word_of = [](Puppet::OnFailure value) { return words.at(static_cast<std::size_t>(value)); };
    return {
        key({.name = "puppet.noop",
             .why = "applies less, or what the code says",
             .meaning = "look, and change nothing",
             .schema = flag_schema()},
            at(&RoleConfig::puppet, &Puppet::noop), std::mem_fn(&ObjectReader::boolean), as_is),
        key({.name = "puppet.timeout",
             .why = "ends Puppet sooner or later",
             .meaning = "instead of the image's",
             .schema = duration_schema()},
            at(&RoleConfig::puppet, &Puppet::timeout), std::mem_fn(&ObjectReader::positive_duration), written_or_null),
        key({.name = "puppet.on_failure",
             .why = "the last good revision, which is proven again",
             .meaning =
                 "of a revision that is [given up](puppet.md#a-newer-revision): `\"stay\"`, the default, applies "
                 "nothing; `\"last_good\"` applies the last good one again",
             .schema = choice_schema(words)},
            at(&RoleConfig::puppet, &Puppet::on_failure), read_on_failure, word_of),
        key({.name = "puppet.certname",
             .why = "chooses among what the code offers, as `role`",
             .meaning =
                 "the name by which the code knows this machine (`node 'NAME'`, `%{trusted.certname}`): a text in "
                 "which `%{id}` (the default), `%{hostname}`, `%{fqdn}`, `%{role}` and `%{tag.NAME}` stand for "
                 "[what the machine has](puppet.md#the-machines-name)",
             .schema = text_schema("^[!-~]+$", 200)},
            at(&RoleConfig::puppet, &Puppet::certname), read_certname, as_is),
        key({.name = "puppet.environment_name",
             .why = "a word for the code; what runs is what is pinned",
             .meaning = "Puppet's `$environment` where `repository.environment` chooses none: `[a-z0-9_]+`; without it "
                        "`production`",
             .schema = text_schema("^[a-z0-9_]*$", 100)},
            at(&RoleConfig::puppet, &Puppet::environment_name), read_environment, as_is),
        key({.name = "puppet.hiera_config",
             .why = "a file of what is pinned",
             .meaning =
                 "a [hiera.yaml outside of the environment](repository.md#more-repositories), as a path below Puppet's "
                 "`$codedir`; its levels come below `data`",
             .schema = text_schema("^([!-.0-~]+(/[!-.0-~]+)*)?$", 500)},
            at(&RoleConfig::puppet, &Puppet::hiera_config), read_path_inside, as_is),
    };
}

std::vector<RoleKey> health_keys() {
    const auto names = [](const std::vector<HealthCheck>& checks) {
        Json all = Json::array();
        std::transform(checks.begin(), checks.end(), std::back_inserter(all),
                       [](const auto& check) { return check.name; });
        return all;
    };
    std::vector<RoleKey> keys{
        key({.name = "health.timeout",
             .why = "how long checks are waited for",
             .meaning = "until which all checks must be good",
             .schema = duration_schema()},
            at(&RoleConfig::health, &HealthConfig::timeout), std::mem_fn(&ObjectReader::positive_duration), written),
        key({.name = "health.checks",
             .why = "`unit`, `tcp` and `http` ask this machine or one that it reaches, by the agent, as root; all that "
                    "comes back is whether it answered, and an HTTP status, which local users can read",
             .meaning = "[what must be good](#health) before the instance counts as configured",
             .schema = health_checks_schema()},
            at(&RoleConfig::health, &HealthConfig::checks), read_health_checks, names),
    };
    for (const HealthCheckKind* kind : Registered<HealthCheckKind>::by_key()) {
        if (!kind->guard.empty()) {
            keys.push_back({.name = "health.checks." + std::string(kind->key), .trust = guarded, .why = kind->guard});
        }
    }
    return keys;
}

RoleKey receiver_key(const ReceiverKind& kind) {
    const std::string name(kind.key);
    RoleKey row{.name = "announce." + name, .why = kind.why, .meaning = kind.meaning, .schema = kind.schema()};
    row.read = [&kind, name](RoleConfig& role, ObjectReader& announce, const std::string&, const RoleLayer& layer) {
        auto receiver = kind.read(announce, layer.speaker);
        if (!receiver) {
            return;
        }
        role.announce.receivers.erase(name);
        if (!receiver->name.empty()) {
            role.announce.receivers.emplace(name, std::move(*receiver));
        }
    };
    row.value = [name](const RoleConfig& role) {
        const auto receiver = role.announce.receivers.find(name);
        return Json(receiver == role.announce.receivers.end() ? "" : receiver->second.name);
    };
    return row;
}

std::vector<RoleKey> announce_keys() {
    std::vector<RoleKey> keys;
    for (const ReceiverKind* kind : Registered<ReceiverKind>::by_key()) {
        keys.push_back(receiver_key(*kind));
        const std::string whole = keys.back().name;
        for (const GuardedPart& part : kind->guarded) {
            keys.push_back({.name = whole + "." + std::string(part.name), .trust = guarded, .why = part.why});
        }
    }
    keys.push_back(key({.name = "announce.failure_after",
                        .why = "when a failure is final",
                        .meaning = "how long a machine may be up before any failure [is told](#announce)",
                        .schema = duration_schema()},
                       at(&RoleConfig::announce, &AnnounceConfig::failure_after), read_minutes, written));
    return keys;
}

std::vector<RoleKey> schedule_keys() {
    return {
        key({.name = "schedule.interval",
             .why = "runs more often or less",
             .meaning = "run again [at fixed moments](#the-schedule), so far apart; without it: only at boot",
             .schema = duration_schema()},
            at(&RoleConfig::schedule, &Schedule::interval), read_minutes, written_or_null),
        key({.name = "schedule.splay",
             .why = "at other moments",
             .meaning = "over which a fleet spreads its runs; without it: the whole interval",
             .schema = duration_schema()},
            at(&RoleConfig::schedule, &Schedule::splay), std::mem_fn(&ObjectReader::duration), written_or_null),
    };
}

void remember_origin(RoleConfig& role, const RoleKey& key, const Json& value, const std::string& origin) {
    if (!key.holds_names) {
        role.origins[key.name] = origin;
        return;
    }
    for (const auto& [name, unused] : value.items()) {
        role.origins[key.name + "." + name] = origin;
    }
}

}  // namespace

const std::vector<RoleKey>& role_keys() {
    static const std::vector<RoleKey> keys = [] {
        std::vector<RoleKey> all = machine_keys();
        for (auto* more : {repository_keys, configuration_keys, beside_keys, puppet_keys, health_keys, announce_keys,
                           schedule_keys}) {
            std::vector<RoleKey> section = more();
            std::move(section.begin(), section.end(), std::back_inserter(all));
        }
        return all;
    }();
    return keys;
}

const RoleKey* find_role_key(std::string_view name) {
    const auto is_meant = [name](const RoleKey& key) {
        const bool is_below =
            name.starts_with(key.name) && name.size() > key.name.size() + 1 && name[key.name.size()] == '.';
        return key.name == name || (key.holds_names && is_below);
    };
    const auto found = std::find_if(role_keys().begin(), role_keys().end(), is_meant);
    return found == role_keys().end() ? nullptr : &*found;
}

void read_role_keys(RoleConfig& role, ObjectReader reader, const std::string& prefix, const RoleLayer& layer,
                    const std::string& origin) {
    read_table(role_keys(), reader, prefix, [&](const RoleKey& key, ObjectReader& section, const std::string& word) {
        key.read(role, section, word, layer);
        if (section.json().contains(word)) {
            remember_origin(role, key, section.json().at(word), origin);
        }
    });
    if (prefix.empty()) {
        reader.attempt([&] { reader.string(schema_key); });  // for editors
    }
    reader.finish();
}

}  // namespace bootwright
