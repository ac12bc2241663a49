#include "agent/config/value_types.hpp"

#include "common/base/error.hpp"
#include "common/base/registered.hpp"
#include "common/base/text.hpp"
#include "common/documents/schema_text.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

namespace bootwright {

namespace {

/// "https://HOST[:PORT]". Returns nullopt if there is more in it or less.
std::optional<Url> server_address(std::string_view text, const std::vector<std::string>& schemes) {
    const auto url = Url::parse(text);
    const bool is_server =
        url && url->target() == "/" && std::find(schemes.begin(), schemes.end(), url->scheme()) != schemes.end();
    return is_server ? url : std::nullopt;
}

/// "512M", "2G", "25%", or a number of bytes as text.
std::optional<MemorySize> memory_size(std::string_view text) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    const std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
    constexpr std::string_view units = "KMGT";
    constexpr unsigned bits_a_unit = 10;
    constexpr std::uint64_t most = std::uint64_t{1} << 50U;
    if (error != std::errc() || number == 0 || number > most) {
        return std::nullopt;
    }
    if (unit == "%") {
        constexpr std::uint64_t whole = 100;
        return number <= whole ? std::optional(MemorySize{.percent = static_cast<int>(number)}) : std::nullopt;
    }
    const std::size_t power = unit.size() == 1 ? units.find(unit.front()) : std::string_view::npos;
    if (!unit.empty() && power == std::string_view::npos) {
        return std::nullopt;
    }
    const std::uint64_t factor =
        unit.empty() ? 1 : std::uint64_t{1} << (bits_a_unit * static_cast<unsigned>(power + 1));
    return number <= most / factor ? std::optional(MemorySize{.bytes = number * factor}) : std::nullopt;
}

/// The keys of a secret's source.
std::vector<std::string> secret_kinds() {
    std::vector<std::string> kinds{"credential", "file"};
    for (const SecretKind* kind : Registered<SecretKind>::all()) {
        kinds.emplace_back(kind->name);
    }
    std::sort(kinds.begin(), kinds.end());
    return kinds;
}

std::string source_schema(const std::string& how_many) {
    std::vector<SchemaProperty> kinds;
    for (const std::string& kind : secret_kinds()) {
        kinds.push_back({kind, text_schema()});
    }
    return object_schema(kinds, how_many);
}

Credential read_credential(ObjectReader reader) {
    Credential credential;
    reader.attempt([&] { credential.host = lower(reader.string("host").value_or("")); });
    reader.attempt([&] { credential.user = reader.string("user").value_or(""); });
    reader.attempt([&] { credential.password = read_secret_source(reader, "from", secret_kinds()); });
    reader.attempt([&] { credential.ssh_key = read_secret_source(reader, "ssh_key_from", secret_kinds()); });
    reader.finish();
    const std::string example = R"(write a host such as "git.example.com" or "git.example.com:8443", without https://)";
    const auto server = server_address("https://" + credential.host, {"https"});
    reader.attempt([&] {
        if (!server || server->has_credentials()) {
            throw reader.error("host", "expected a host", example);
        }
    });
    const bool has_password = reader.json().contains("from");
    if (has_password == reader.json().contains("ssh_key_from")) {
        throw reader.error("from", "expected one of `from` and `ssh_key_from`",
                           "say where the password or token is kept, or where the ssh key is");
    }
    if (!credential.user.empty() && !has_password) {
        throw reader.error("user", "a user belongs to `from`, and only to it",
                           "write the user of an ssh server into the URL: ssh://USER@HOST/PATH");
    }
    return credential;
}

}  // namespace

void read_path(std::filesystem::path& target, ObjectReader& section, const std::string& word) {
    const auto value = section.string(word);
    if (value && !value->empty() && !value->starts_with('/')) {
        throw section.error(word, "expected an absolute path", "begin it with /");
    }
    if (value) {
        target = *value;
    }
}

void read_endpoint(Url& target, ObjectReader& section, const std::string& word,
                   const std::vector<std::string>& schemes) {
    const auto value = section.string(word);
    if (!value) {
        return;
    }
    const auto address = value->empty() ? std::optional(Url()) : server_address(*value, schemes);
    if (!address || address->has_credentials()) {
        throw section.error(
            word, "not the address of a server",
            "write " + joined(schemes, " or ") + ", :// and a host, without a path and without credentials");
    }
    target = address->server();
}

void read_proxy(Url& target, ObjectReader& section, const std::string& word) {
    const auto value = section.string(word);
    if (!value) {
        return;
    }
    const auto address = value->empty() ? std::optional(Url()) : server_address(*value, {"http", "https"});
    if (!address) {
        throw section.error(word,
                            "not the address of a proxy: " + Url::why_refused(*value).value_or("there is more in it"),
                            "write it like http://proxy.example.com:3128");
    }
    target = *address;
}

void read_commit(std::string& target, ObjectReader& section, const std::string& word) {
    const auto value = section.string(word);
    if (value && !value->empty() && !is_commit_id(*value)) {
        throw section.error(word, "not a full commit id", "write all 40 hexadecimal digits (`git rev-parse REVISION`)");
    }
    target = value.value_or(target);
}

void read_fact_name(std::string& target, ObjectReader& section, const std::string& word) {
    const auto value = section.string(word);
    if (value && !is_name(*value)) {
        throw section.error(word, "not a name that Puppet allows for a fact", "write [a-z][a-z0-9_]*");
    }
    target = value.value_or(target);
}

void read_hosts(std::vector<std::string>& target, ObjectReader& section, const std::string& word) {
    const auto listed = section.strings(word);
    if (!listed) {
        return;
    }
    target.clear();
    for (const std::string& host : *listed) {
        const auto address = server_address("https://" + host, {"https"});
        if (!address || address->has_credentials()) {
            throw section.error(word, "expected hosts",
                                R"(write them like ["git.example.com", "git.example.com:8080"], without http://)");
        }
        target.push_back(lower(host));
    }
}

void read_file_places(std::vector<Url>& target, ObjectReader& section, const std::string& word) {
    const auto places = section.strings(word);
    if (!places) {
        return;
    }
    std::vector<std::string> schemes{"https", "http", "file"};
    for (const UrlScheme* store : Registered<UrlScheme>::all()) {
        schemes.emplace_back(store->name);
    }
    const std::string example =
        "write them like https://mirror.example.com/releases, file:///srv/releases or s3://bucket/prefix";
    target.clear();
    for (const std::string& text : *places) {
        if (const auto why = Url::why_refused(text)) {
            throw section.error(word, "a list entry is no URL of a folder: " + *why, example);
        }
        const Url place(text);
        if (std::find(schemes.begin(), schemes.end(), place.scheme()) == schemes.end()) {
            throw section.error(word, "a list entry is none of " + joined(schemes, ", "), example);
        }
        if (place.exposes_credentials()) {
            throw section.error(word, "credentials of a list entry would go over the network in clear", "write https");
        }
        target.push_back(place);
    }
}

void read_folders(std::vector<std::string>& target, ObjectReader& section, const std::string& word) {
    const auto folders = section.strings(word);
    if (!folders) {
        return;
    }
    for (const std::string& folder : *folders) {
        if (!folder.starts_with('/') || folder.find(':') != std::string::npos) {
            throw section.error(word, "expected absolute paths of folders",
                                R"(write them like ["/usr/share/puppet/modules"])");
        }
    }
    target = *folders;
}

void read_memory(MemorySize& target, ObjectReader& section, const std::string& word) {
    const auto text = section.string(word);
    if (!text) {
        return;
    }
    constexpr std::uint64_t least = std::uint64_t{64} << 20U;  // Puppet alone takes more
    const auto size = text->empty() ? MemorySize{} : memory_size(*text);
    if (!size) {
        throw section.error(word, "not an amount of memory", R"(write "512M", "2G", a number of bytes, or "25%")");
    }
    if (!text->empty() && size->percent == 0 && size->bytes < least) {
        throw section.error(word, "less than Puppet needs", "write 64M at least");
    }
    target = *size;
}

void read_credentials(std::vector<Credential>& target, ObjectReader& section, const std::string& word) {
    const auto entries = section.objects(word);
    if (!entries) {
        return;
    }
    target.clear();
    for (const ObjectReader& entry : *entries) {
        entry.attempt([&] { target.push_back(read_credential(entry)); });
    }
}

void read_secret_place(std::optional<SecretSource>& target, ObjectReader& section, const std::string& word) {
    const auto place = section.object(word);
    if (place && place->json().empty()) {
        target.reset();
    } else if (place) {
        target = read_secret_source(section, word, secret_kinds());
    }
}

std::string secret_place_schema() { return source_schema(R"("maxProperties": 1)"); }

std::string credentials_schema() {
    const std::string source = source_schema(R"("minProperties": 1, "maxProperties": 1)");
    return list_schema(
        object_schema({{"host", text_schema()}, {"user", text_schema()}, {"from", source}, {"ssh_key_from", source}},
                      R"("required": ["host"])"));
}

}  // namespace bootwright
