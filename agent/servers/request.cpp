#include "agent/servers/request.hpp"

namespace bootwright {

namespace {

using Strings = std::vector<std::string>;

Url url_from_json(const Json& json) { return json.get_ref<const std::string&>(); }

Json to_json(const WebTrust& trust) {
    return {{"ca_pem", trust.ca_pem},
            {"client_certificate", trust.client_certificate},
            {"client_key", trust.client_key},
            {"proxy", trust.proxy.for_transfer()},
            {"no_proxy", trust.no_proxy}};
}

WebTrust trust_from_json(const Json& json) {
    return {.ca_pem = json.at("ca_pem"),
            .client_certificate = json.at("client_certificate"),
            .client_key = json.at("client_key"),
            .proxy = url_from_json(json.at("proxy")),
            .no_proxy = json.at("no_proxy")};
}

Json to_json(const GitWish& wish) {
    return {{"revision", wish.revision}, {"with_tags", wish.with_tags}, {"with_history", wish.with_history},
            {"haves", wish.haves},       {"shallow", wish.shallow},     {"complete", wish.complete}};
}

GitWish wish_from_json(const Json& json) {
    return {.revision = json.at("revision"),
            .with_tags = json.at("with_tags"),
            .with_history = json.at("with_history"),
            .haves = json.at("haves").get<Strings>(),
            .shallow = json.at("shallow").get<Strings>(),
            .complete = json.at("complete").get<Strings>()};
}

Json to_json(const AwsSignature& signature) {
    return {{"access_key", signature.access_key},
            {"secret_key", signature.secret_key},
            {"session_token", signature.session_token},
            {"region", signature.region},
            {"service", signature.service}};
}

AwsSignature signature_from_json(const Json& json) {
    return {.access_key = json.at("access_key"),
            .secret_key = json.at("secret_key"),
            .session_token = json.at("session_token"),
            .region = json.at("region"),
            .service = json.at("service")};
}

Json to_json(const WebRequest& request) {
    Json headers = Json::array();
    for (const auto& [name, value] : request.headers) {
        headers.push_back({name, value});
    }
    return {{"method", request.method},
            {"url", request.url.for_transfer()},
            {"headers", headers},
            {"body", request.body},
            {"user", request.user},
            {"password", request.password},
            {"signature", request.signature ? to_json(*request.signature) : Json()},
            {"follow_redirects", request.follow_redirects},
            {"max_bytes", request.max_bytes}};
}

WebRequest web_request_from_json(const Json& json) {
    WebRequest request{.method = json.at("method"),
                       .url = url_from_json(json.at("url")),
                       .body = json.at("body"),
                       .user = json.at("user"),
                       .password = json.at("password"),
                       .follow_redirects = json.at("follow_redirects"),
                       .max_bytes = json.at("max_bytes")};
    for (const Json& header : json.at("headers")) {
        request.headers.emplace_back(header.at(0), header.at(1));
    }
    if (!json.at("signature").is_null()) {
        request.signature = signature_from_json(json.at("signature"));
    }
    return request;
}

}  // namespace

Json to_json(const DownloadRequest& request) {
    return {{"kind", static_cast<int>(request.kind)},
            {"folder", request.folder.string()},
            {"file", request.file},
            {"trust", to_json(request.trust)},
            {"connect_ms", request.patience.connect.count()},
            {"stall_ms", request.patience.stall.count()},
            {"least_rate", request.least_rate},
            {"url", request.url.for_transfer()},
            {"user", request.user},
            {"password", request.password},
            {"ssh_key", request.ssh_key},
            {"known_hosts", request.known_hosts},
            {"wish", to_json(request.wish)},
            {"web", to_json(request.web)},
            {"program", request.program},
            {"puppetfile", request.puppetfile},
            {"credentials", request.credentials}};
}

DownloadRequest download_request_from_json(const Json& json) {
    using std::chrono::milliseconds;
    return {.kind = static_cast<DownloadRequest::Kind>(json.at("kind").get<int>()),
            .folder = json.at("folder").get<std::string>(),
            .file = json.at("file"),
            .trust = trust_from_json(json.at("trust")),
            .patience = {.connect = milliseconds(json.at("connect_ms").get<long long>()),
                         .stall = milliseconds(json.at("stall_ms").get<long long>())},
            .least_rate = json.at("least_rate"),
            .url = url_from_json(json.at("url")),
            .user = json.at("user"),
            .password = json.at("password"),
            .ssh_key = json.at("ssh_key"),
            .known_hosts = json.at("known_hosts"),
            .wish = wish_from_json(json.at("wish")),
            .web = web_request_from_json(json.at("web")),
            .program = json.at("program"),
            .puppetfile = json.at("puppetfile"),
            .credentials = json.at("credentials")};
}

Json to_json(const GitAnswer& answer) {
    Json tags = Json::array();
    for (const GitTag& tag : answer.tags) {
        tags.push_back({{"name", tag.name}, {"id", tag.id}});
    }
    return {
        {"commit", answer.commit}, {"tags", tags}, {"has_pack", answer.has_pack}, {"is_shallow", answer.is_shallow}};
}

}  // namespace bootwright
