#pragma once

#include "agent/role/keys/role_config.hpp"
#include "common/documents/json.hpp"
#include "common/net/url.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace bootwright {

// How the values of a role config are read, type by type. Each returns nullopt if the section has no such key.
// @throws Error with the document's code, naming line and key

/// One word without spaces.
std::optional<std::string> read_role_name(ObjectReader& section, const std::string& word);
/// Puppet's rule for class names: names joined by "::".
std::optional<std::vector<std::string>> read_class_names(ObjectReader& section, const std::string& word);
/// Where a repository is. The error does not quote the text.
std::optional<Url> read_place(ObjectReader& section, const std::string& word);
/// At most `most_mirrors` such URLs.
std::optional<std::vector<Url>> read_mirrors(ObjectReader& section, const std::string& word);
/// A full commit id, or what git allows as a branch or tag. @param allows_names whether it may be a branch or tag
std::optional<std::string> read_revision(ObjectReader& section, const std::string& word, bool allows_names);
/// Objects with `name`, `url`, `mirrors` and `revision`, at most `most_repositories`, each of a name of its own.
std::optional<std::vector<RoleConfig::Beside>> read_repositories(ObjectReader& section, const std::string& word,
                                                                 bool allows_names);
/// What read_repositories takes, as JSON Schema.
std::string repositories_schema();
/// The name of an environment of Puppet, or "".
std::optional<std::string> read_environment(ObjectReader& section, const std::string& word);
/// A template of a certname (certname_template.hpp).
std::optional<std::string> read_certname(ObjectReader& section, const std::string& word);
/// A relative path of plain names (no "..", no ".git", no empty part), or "".
std::optional<std::string> read_path_inside(ObjectReader& section, const std::string& word);
/// A duration of at least a minute.
std::optional<std::chrono::milliseconds> read_minutes(ObjectReader& section, const std::string& word);
/// An object whose keys are names of facts.
std::optional<Json> read_facts(ObjectReader& section, const std::string& word);
/// An object whose keys are not empty.
std::optional<Json> read_data(ObjectReader& section, const std::string& word);

constexpr int most_mirrors = 32;
constexpr int most_repositories = 16;

}  // namespace bootwright
