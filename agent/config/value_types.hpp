#pragma once

#include "agent/config/config.hpp"
#include "common/documents/json.hpp"
#include "common/net/url.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace bootwright {

// How the values of agent.json are read, type by type. Every `read_…` leaves `target` as it is if the section has no such key.
// @throws Error config.invalid, naming file, line and key

void read_path(std::filesystem::path& target, ObjectReader& section, const std::string& word);

/// "https://HOST[:PORT]", by one of `schemes`; "": none.
void read_endpoint(Url& target, ObjectReader& section, const std::string& word,
                   const std::vector<std::string>& schemes);
/// The same, over http or https, and perhaps with a user and a password.
void read_proxy(Url& target, ObjectReader& section, const std::string& word);
/// A full commit id; "": none.
void read_commit(std::string& target, ObjectReader& section, const std::string& word);
/// The name of a fact.
void read_fact_name(std::string& target, ObjectReader& section, const std::string& word);
/// Hosts, some with a port.
void read_hosts(std::vector<std::string>& target, ObjectReader& section, const std::string& word);
/// URLs of folders of web servers, of this machine and of object stores.
void read_file_places(std::vector<Url>& target, ObjectReader& section, const std::string& word);
/// Absolute paths of folders.
void read_folders(std::vector<std::string>& target, ObjectReader& section, const std::string& word);
/// "512M", "2G", "25%", or a number of bytes as text; "": no limit.
void read_memory(MemorySize& target, ObjectReader& section, const std::string& word);
void read_credentials(std::vector<Credential>& target, ObjectReader& section, const std::string& word);
/// Where a secret is: in a file, in a systemd credential, or in a secret store; {}: none.
void read_secret_place(std::optional<SecretSource>& target, ObjectReader& section, const std::string& word);

// What read_credentials and read_secret_place take, as JSON Schema.
std::string credentials_schema();
std::string secret_place_schema();

}  // namespace bootwright
