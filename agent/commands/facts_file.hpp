#pragma once

#include "common/documents/json.hpp"

#include <string>

namespace bootwright {

/// Facts as a run of Puppet saw them, all of them, those that bootwright hands over too. facts.rb writes and reads them:
/// {"facts": {NAME: VALUE}, "order": [[PATH, KEYS]]}.
struct MachineFacts {
    Json facts = Json::object();
    Json order = Json::array();  ///< of the keys, where it is not the alphabet's
};

/// Of the document that facts.rb writes. Whatever is damaged in it is left out.
MachineFacts facts_in(const Json& document);

/// As `bootwright capture --facts` carries them away: the same document, with the number of the run and the file's own format.
std::string facts_file(const MachineFacts& facts, int run);

/// Reads such a file. @throws Error facts.invalid (permanent); io.*
MachineFacts read_facts_file(const std::string& path);

}  // namespace bootwright
