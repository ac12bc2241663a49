#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace bootwright {

// The role config's puppet.certname: a text with words in it, "web-%{tag.Name}".

/// The words that name a value of the machine, for people.
inline constexpr std::string_view certname_words = "%{id}, %{hostname}, %{fqdn}, %{role} and %{tag.NAME}";

/// Puts the value of each word in its place. @param value_of is called with "id", "hostname", "fqdn", "role", or "tag.NAME"
/// Returns nullopt for a word that is none of these, or that has no "}".
std::optional<std::string> fill_certname(std::string_view pattern,
                                         const std::function<std::string(std::string_view word)>& value_of);

}  // namespace bootwright
