#include "agent/repository/fetch_request.hpp"

#include "common/base/error.hpp"
#include "common/net/url.hpp"

#include <algorithm>
#include <iterator>

namespace bootwright {

namespace {

template <typename Value, typename Convert>
Json optional_to_json(const std::optional<Value>& value, Convert convert) {
    return value ? Json(convert(*value)) : Json();
}

template <typename Convert>
auto optional_from_json(const Json& json, Convert convert) {
    return json.is_null() ? std::nullopt : std::optional(convert(json));
}

Json as_is(const std::string& text) { return text; }
std::string text_of(const Json& json) { return json.get<std::string>(); }
Url url_of(const Json& json) { return json.get_ref<const std::string&>(); }

Json urls_to_json(const std::vector<Url>& urls) {
    Json list = Json::array();
    for (const Url& url : urls) {
        list.push_back(url.for_transfer());
    }
    return list;
}

std::vector<Url> urls_from_json(const Json& list) {
    std::vector<Url> urls;
    std::transform(list.begin(), list.end(), std::back_inserter(urls), url_of);
    return urls;
}

Json identity_to_json(const CloudIdentity& identity) {
    return {{"access_key", identity.access_key},
            {"secret_key", identity.secret_key},
            {"session_token", identity.session_token},
            {"region", identity.region},
            {"bearer_token", identity.bearer_token}};
}

CloudIdentity identity_from_json(const Json& json) {
    return {.access_key = json.at("access_key"),
            .secret_key = json.at("secret_key"),
            .session_token = json.at("session_token"),
            .region = json.at("region"),
            .bearer_token = json.at("bearer_token")};
}

Json source_to_json(const SecretSource& source) { return {{"kind", source.kind}, {"name", source.name}}; }
SecretSource source_from_json(const Json& json) { return {json.at("kind"), json.at("name")}; }

Json credential_to_json(const ReadyCredential& ready) {
    return {{"host", ready.credential.host},
            {"user", ready.credential.user},
            {"password_source", optional_to_json(ready.credential.password, source_to_json)},
            {"ssh_key_source", optional_to_json(ready.credential.ssh_key, source_to_json)},
            {"password", optional_to_json(ready.password, as_is)},
            {"ssh_key", optional_to_json(ready.ssh_key, as_is)},
            {"problem", optional_to_json(ready.problem, [](const Error& error) { return to_json(error); })}};
}

ReadyCredential credential_from_json(const Json& json) {
    return {.credential = {.host = json.at("host"),
                           .user = json.at("user"),
                           .password = optional_from_json(json.at("password_source"), source_from_json),
                           .ssh_key = optional_from_json(json.at("ssh_key_source"), source_from_json)},
            .password = optional_from_json(json.at("password"), text_of),
            .ssh_key = optional_from_json(json.at("ssh_key"), text_of),
            .problem = optional_from_json(json.at("problem"), error_from_json)};
}

Json stores_to_json(const Stores& stores) {
    return {{"s3_endpoint", stores.s3_endpoint.for_transfer()},
            {"s3_region", stores.s3_region},
            {"s3_keys", optional_to_json(stores.s3_keys, identity_to_json)},
            {"identity", optional_to_json(stores.identity, identity_to_json)}};
}

Stores stores_from_json(const Json& json) {
    return {.s3_endpoint = url_of(json.at("s3_endpoint")),
            .s3_region = json.at("s3_region"),
            .s3_keys = optional_from_json(json.at("s3_keys"), identity_from_json),
            .identity = optional_from_json(json.at("identity"), identity_from_json)};
}

Json settings_to_json(const AgentConfig::Repository& settings) {
    return {{"allow_branches_and_tags", settings.allow_branches_and_tags},
            {"ca_file", settings.ca_file.string()},
            {"known_hosts", settings.known_hosts.string()},
            {"ssh_key", settings.ssh_key.string()},
            {"stall_ms", settings.stall.count()},
            {"timeout_ms", settings.timeout.count()},
            {"keep", settings.keep},
            {"least_rate", settings.least_rate},
            {"proxy", settings.proxy.for_transfer()},
            {"no_proxy", settings.no_proxy},
            {"client_certificate", settings.client_certificate.string()},
            {"client_key", settings.client_key.string()},
            {"seed", settings.seed.string()},
            {"verify", static_cast<int>(settings.verify)},
            {"allowed_signers", settings.allowed_signers.string()},
            {"keyring", settings.keyring.string()},
            {"allow_rewritten_branches", settings.allow_rewritten_branches},
            {"not_before", settings.not_before},
            {"insecure", settings.insecure},
            {"puppetfile", static_cast<int>(settings.puppetfile)}};
}

AgentConfig::Repository settings_from_json(const Json& json) {
    using Repository = AgentConfig::Repository;
    Repository settings;
    settings.allow_branches_and_tags = json.at("allow_branches_and_tags");
    settings.ca_file = text_of(json.at("ca_file"));
    settings.known_hosts = text_of(json.at("known_hosts"));
    settings.ssh_key = text_of(json.at("ssh_key"));
    settings.stall = std::chrono::milliseconds(json.at("stall_ms").get<long long>());
    settings.timeout = std::chrono::milliseconds(json.at("timeout_ms").get<long long>());
    settings.keep = json.at("keep");
    settings.least_rate = json.at("least_rate");
    settings.proxy = text_of(json.at("proxy"));
    settings.no_proxy = json.at("no_proxy");
    settings.client_certificate = text_of(json.at("client_certificate"));
    settings.client_key = text_of(json.at("client_key"));
    settings.seed = text_of(json.at("seed"));
    settings.verify = static_cast<Repository::Verify>(json.at("verify").get<int>());
    settings.allowed_signers = text_of(json.at("allowed_signers"));
    settings.keyring = text_of(json.at("keyring"));
    settings.allow_rewritten_branches = json.at("allow_rewritten_branches");
    settings.not_before = json.at("not_before");
    settings.insecure = json.at("insecure").get<std::vector<std::string>>();
    settings.puppetfile = static_cast<Repository::Puppetfile>(json.at("puppetfile").get<int>());
    return settings;
}

}  // namespace

Json to_json(const FetchRequest& request) {
    Json credentials = Json::array();
    for (const ReadyCredential& credential : request.credentials) {
        credentials.push_back(credential_to_json(credential));
    }
    Json other_checkouts = Json::array();
    for (const std::filesystem::path& folder : request.other_checkouts) {
        other_checkouts.push_back(folder.string());
    }
    return {{"repositories", request.repositories.string()},
            {"checkouts", request.checkouts.string()},
            {"other_checkouts", std::move(other_checkouts)},
            {"downloads", request.downloads.string()},
            {"r10k", request.r10k.string()},
            {"download_program", request.download_program.string()},
            {"places", urls_to_json(request.places)},
            {"name_url", request.name_url.for_transfer()},
            {"revision", request.revision},
            {"policy", request.policy},
            {"protect", request.protect},
            {"settings", settings_to_json(request.settings)},
            {"credentials", std::move(credentials)},
            {"stores", stores_to_json(request.stores)},
            {"secrets_identity", optional_to_json(request.secrets_identity, identity_to_json)},
            {"secrets_endpoint", request.secrets_endpoint.for_transfer()}};
}

FetchRequest fetch_request_from_json(const Json& json) {
    FetchRequest request{.repositories = text_of(json.at("repositories")),
                         .checkouts = text_of(json.at("checkouts")),
                         .downloads = text_of(json.at("downloads")),
                         .r10k = text_of(json.at("r10k")),
                         .download_program = text_of(json.at("download_program")),
                         .places = urls_from_json(json.at("places")),
                         .name_url = url_of(json.at("name_url")),
                         .revision = json.at("revision"),
                         .policy = json.at("policy"),
                         .protect = json.at("protect").get<std::vector<std::string>>(),
                         .settings = settings_from_json(json.at("settings")),
                         .stores = stores_from_json(json.at("stores")),
                         .secrets_identity = optional_from_json(json.at("secrets_identity"), identity_from_json),
                         .secrets_endpoint = url_of(json.at("secrets_endpoint"))};
    for (const Json& folder : json.at("other_checkouts")) {
        request.other_checkouts.emplace_back(text_of(folder));
    }
    for (const Json& credential : json.at("credentials")) {
        request.credentials.push_back(credential_from_json(credential));
    }
    return request;
}

}  // namespace bootwright
