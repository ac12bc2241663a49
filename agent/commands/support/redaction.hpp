#pragma once

#include "common/documents/json.hpp"

#include <string>
#include <string_view>

namespace bootwright {

// Removes secrets from what leaves a machine in a bug report, as far as names and places tell them.

/// A document, JSON or YAML, without the values of names that speak of a secret, without other programs' scripts, and
/// with its user-data redacted wherever it is. Keeps a bare value as it is; removes a damaged document as a whole.
std::string redacted_document(const std::string& text);

/// A role config in user-data: as JSON, without its `data`, secrets and credentials. Replaces all other user-data as a
/// whole.
std::string redacted_user_data(const std::string& user_data);

/// An OVF environment with only the properties that the agent reads, and user-data redacted. Removes all other text as a whole.
std::string redacted_ovf_environment(const std::string& text);

/// OpenNebula's context.sh: its user-data as above, and of the operator's own variables only those that are known to be harmless.
std::string redacted_context(const std::string& text);

/// A kernel command line, or any line of words, without the values of secrets and the credentials of URLs.
std::string redacted_words(const std::string& line);

/// True for a path, key or variable that holds user-data, or a vendor's.
bool is_user_data_name(std::string_view name);

/// Facts of a machine: the values of names that speak of a secret, user-data and the credentials of URLs are removed in place.
void redact_facts(Json& facts);

/// One recorded answer (recorded_answers.hpp), redacted in place.
void redact_answer(Json& answer);

}  // namespace bootwright
