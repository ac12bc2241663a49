#include "agent/role/keys/role_values.hpp"

#include "agent/role/keys/certname_template.hpp"
#include "common/base/error.hpp"
#include "common/base/registered.hpp"
#include "common/base/text.hpp"
#include "common/documents/schema_text.hpp"

#include <algorithm>
#include <functional>
#include <string_view>

namespace bootwright {

namespace {

/// Why a repository cannot be there. Returns nullopt if it may be.
std::optional<std::string> why_no_place(const std::string& text) {
    std::vector<std::string> schemes{"https", "http", "ssh", "git", "file"};
    for (const UrlScheme* store : Registered<UrlScheme>::all()) {
        schemes.emplace_back(store->name);
    }
    if (auto why = Url::why_refused(text)) {
        return why;
    }
    const Url url(text);
    if (std::find(schemes.begin(), schemes.end(), url.scheme()) == schemes.end()) {
        return "it is none of " + joined(schemes, ", ");
    }
    return url.exposes_credentials() ? std::optional<std::string>("its credentials would go over the network in clear")
                                     : std::nullopt;
}

bool is_class_name(std::string_view text) {
    while (true) {
        const std::size_t separator = text.find("::");
        if (!is_name(text.substr(0, separator))) {
            return false;
        }
        if (separator == std::string_view::npos) {
            return true;
        }
        text.remove_prefix(separator + 2);
    }
}

/// What git allows as a branch or tag, except what would be strange in an error message.
bool is_ref_name(std::string_view text) {
    return is_made_of(text, "_./-+", 200) && text.front() != '-' && text.find("..") == std::string_view::npos;
}

/// Of such a name as "data-center" Puppet makes no variable, but it is in $facts.
bool is_fact_name(std::string_view text) {
    std::string name(text);
    std::replace(name.begin(), name.end(), '-', '_');
    return is_name(name);
}

bool is_environment(std::string_view text) {
    return text.size() <= 100 && text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string::npos;
}

bool is_path_inside(const std::string& path) {
    const std::vector<std::string> parts = split(path, '/');
    return path.size() <= 500 && is_visible(path) && std::all_of(parts.begin(), parts.end(), [](const auto& part) {
               return !part.empty() && part != "." && part != ".." && lower(part) != ".git";
           });
}

Url place(const std::string& text, const std::string& word, const std::string& expected, const std::string& example,
          const ObjectReader& section) {
    if (const auto why = why_no_place(text)) {
        throw section.error(word, expected + ": " + *why, example);
    }
    return Url(text);
}

/// The name of a folder, in Puppet's $codedir, too: what that has itself is no name.
bool is_repository_name(std::string_view text) {
    constexpr std::size_t longest = 40;
    return is_made_of(text, "_-", longest) && lower(text) == text && text.front() >= 'a' && text.front() <= 'z' &&
           text != "environments";
}

RoleConfig::Beside read_repository(ObjectReader entry, bool allows_names) {
    RoleConfig::Beside repository;
    entry.attempt([&] { repository.name = entry.string("name").value_or(""); });
    entry.attempt([&] { repository.url = read_place(entry, "url").value_or(Url()); });
    entry.attempt([&] { repository.mirrors = read_mirrors(entry, "mirrors").value_or(std::vector<Url>()); });
    entry.attempt([&] { repository.revision = read_revision(entry, "revision", allows_names).value_or(""); });
    entry.finish();
    entry.attempt([&] {
        if (!is_repository_name(repository.name)) {
            throw entry.error("name", "not a name for a repository",
                              "write [a-z][a-z0-9_-]*, at most 40 of them, and not \"environments\"");
        }
    });
    for (const auto& [key, is_there] :
         {std::pair("url", !repository.url.empty()), {"revision", !repository.revision.empty()}}) {
        entry.attempt([&, key = key, is_there = is_there] {
            if (!is_there) {
                throw entry.error(key, "is not there", "say where the repository is, and at which revision");
            }
        });
    }
    return repository;
}

std::optional<Json> read_entries(ObjectReader& section, const std::string& word,
                                 const std::function<bool(std::string_view name)>& is_key, const std::string& rule) {
    const auto entries = section.object(word);
    if (!entries) {
        return std::nullopt;
    }
    for (const auto& [name, value] : entries->json().items()) {
        entries->attempt([&, name = name] {
            if (!is_key(name)) {
                throw entries->error(name, "not a name that is allowed here", rule);
            }
        });
    }
    return std::optional(entries->json());
}

}  // namespace

std::optional<std::string> read_role_name(ObjectReader& section, const std::string& word) {
    auto value = section.string(word);
    if (value && (value->empty() || value->size() > 255 || !is_visible(*value))) {
        throw section.error(word, "expected one word without spaces", "write a role such as \"web\"");
    }
    return value;
}

std::optional<std::vector<std::string>> read_class_names(ObjectReader& section, const std::string& word) {
    auto names = section.strings(word);
    for (const std::string& name : names.value_or(std::vector<std::string>{})) {
        if (!is_class_name(name)) {
            throw section.error(word, "a list entry is not a Puppet class name",
                                "write names such as \"role::web\", in lower case");
        }
    }
    return names;
}

std::optional<Url> read_place(ObjectReader& section, const std::string& word) {
    const auto text = section.string(word);
    return text ? std::optional(place(*text, word, "expected the URL of a repository",
                                      "write it like https://git.example.com/puppet.git or "
                                      "ssh://git@git.example.com/puppet.git",
                                      section))
                : std::nullopt;
}

std::optional<std::vector<Url>> read_mirrors(ObjectReader& section, const std::string& word) {
    const auto texts = section.strings(word);
    if (!texts) {
        return std::nullopt;
    }
    std::vector<Url> mirrors;
    mirrors.reserve(texts->size());
    for (const std::string& text : *texts) {
        mirrors.push_back(place(text, word, "a list entry is no URL of a repository",
                                "write them like https://git.example.com/puppet.git, "
                                "https://cdn.example.com/{revision}.bundle or s3://bucket/prefix",
                                section));
    }
    if (mirrors.size() > most_mirrors) {
        throw section.error(word, "more than " + std::to_string(most_mirrors) + " of them", "leave some out");
    }
    return mirrors;
}

std::optional<std::string> read_revision(ObjectReader& section, const std::string& word, bool allows_names) {
    auto revision = section.string(word);
    if (!revision || is_commit_id(*revision)) {
        return revision;
    }
    if (!allows_names) {
        throw section.error(
            word, "expected a full commit id of 40 hexadecimal digits",
            "write the whole id that `git rev-parse HEAD` prints; branches and tags move, and count only "
            "where the image sets repository.allow_branches_and_tags in agent.json");
    }
    if (!is_ref_name(*revision)) {
        throw section.error(word, "neither a full commit id nor the name of a branch or tag",
                            "write 40 hexadecimal digits, or a name such as \"main\" or \"v1.2\"");
    }
    return revision;
}

std::optional<std::vector<RoleConfig::Beside>> read_repositories(ObjectReader& section, const std::string& word,
                                                                 bool allows_names) {
    const auto entries = section.objects(word);
    if (!entries) {
        return std::nullopt;
    }
    std::vector<RoleConfig::Beside> repositories;
    for (const ObjectReader& entry : *entries) {
        repositories.push_back(read_repository(entry, allows_names));
        const auto has_name = [&](const auto& other) { return other.name == repositories.back().name; };
        entry.attempt([&] {
            if (std::count_if(repositories.begin(), repositories.end(), has_name) > 1) {
                throw entry.error("name", "a second repository of this name", "give each a name of its own");
            }
        });
    }
    if (repositories.size() > most_repositories) {
        throw section.error(word, "more than " + std::to_string(most_repositories) + " of them", "leave some out");
    }
    return repositories;
}

std::string repositories_schema() {
    const std::string mirrors = list_schema(text_schema(), R"("maxItems": )" + std::to_string(most_mirrors));
    return list_schema(object_schema({{"name", text_schema("^[a-z][a-z0-9_-]*$", 40)},
                                      {"url", text_schema()},
                                      {"mirrors", mirrors},
                                      {"revision", text_schema("^[A-Za-z0-9_./+][A-Za-z0-9_./+-]*$", 200)}},
                                     R"("required": ["name", "url", "revision"])"),
                       R"("maxItems": )" + std::to_string(most_repositories));
}

std::optional<std::string> read_environment(ObjectReader& section, const std::string& word) {
    auto environment = section.string(word);
    if (environment && !is_environment(*environment)) {
        throw section.error(word, "not a name that Puppet allows for an environment",
                            "write [a-z0-9_]+, a folder of environments/ in the repository");
    }
    return environment;
}

std::optional<std::string> read_certname(ObjectReader& section, const std::string& word) {
    auto pattern = section.string(word);
    const bool is_usable = pattern && pattern->size() <= 200 && is_visible(*pattern) &&
                           fill_certname(*pattern, [](std::string_view) { return "x"; });
    if (pattern && !is_usable) {
        throw section.error(
            word, "not a name that a machine could have",
            "write a name without spaces, in which " + std::string(certname_words) + " stand for what the machine has");
    }
    return pattern;
}

std::optional<std::string> read_path_inside(ObjectReader& section, const std::string& word) {
    auto path = section.string(word);
    if (path && !path->empty() && !is_path_inside(*path)) {
        throw section.error(word, "not a path inside a repository", R"(write it like "instances/web.json")");
    }
    return path;
}

std::optional<std::chrono::milliseconds> read_minutes(ObjectReader& section, const std::string& word) {
    const auto value = section.duration(word);
    if (value && *value < std::chrono::minutes(1)) {
        throw section.error(word, "shorter than a minute", "write at least \"1m\"");
    }
    return value;
}

std::optional<Json> read_facts(ObjectReader& section, const std::string& word) {
    return read_entries(section, word, is_fact_name, "a fact's name is [a-z][a-z0-9_-]*");
}

std::optional<Json> read_data(ObjectReader& section, const std::string& word) {
    return read_entries(
        section, word, [](std::string_view key) { return !key.empty(); }, "a Hiera key is not empty");
}

}  // namespace bootwright
