#include "agent/platform/metadata_service.hpp"

#include "agent/platform/document.hpp"
#include "common/base/encoding.hpp"
#include "common/base/retry.hpp"
#include "common/base/text.hpp"
#include "common/net/page.hpp"
#include "common/net/url.hpp"

#include <algorithm>

namespace bootwright {

namespace {

using std::chrono::milliseconds;

Error unknown_answer(const std::string& where, const HttpResponse& response, const std::string& why) {
    Error error = transient_error(response.status == 401 ? "platform.token_refused" : "platform.unexpected_answer",
                                  where + ": " + why,
                                  "nothing to do if it passes: the agent tries again; else ask the cloud's support");
    error.retry_after = retry_after(response.headers);
    return error;
}

/// The three values. `where` is "GET http://…".
std::optional<std::string> judge(const std::string& where, HttpResponse response, const std::vector<int>& absent) {
    if (std::find(absent.begin(), absent.end(), response.status) != absent.end()) {
        return std::nullopt;
    }
    if (response.status != 200) {
        throw unknown_answer(where, response,
                             "HTTP status " + std::to_string(response.status) + " from the metadata service");
    }
    if (is_page(response.body)) {  // no cloud serves metadata as a page
        throw unknown_answer(where, response, "an HTML page, which no metadata service answers");
    }
    return std::move(response.body);
}

/// One segment of a path (RFC 3986, section 3.3): what is not allowed there is written as %XX.
std::string path_segment(std::string_view name) { return percent_encoded(name, "-._~!$&'()*+,;=:@"); }

/// True for what may be in a header: only visible characters.
bool is_header_word(std::string_view text, std::size_t longest) {
    return !text.empty() && text.size() <= longest && is_visible(text);
}

std::string checked_token(const std::string& where, std::string_view token) {
    constexpr std::size_t largest_token = 4096;
    if (!is_header_word(token, largest_token)) {
        throw transient_error("platform.bad_document", where + ": what the metadata service gave as a token is none",
                              "nothing to do if it passes: the agent tries again");
    }
    return std::string(token);
}

}  // namespace

MetadataClient::MetadataClient(const System& system, const AgentConfig& config, MetadataService service,
                               std::stop_token stop)
    : system_(system), service_(std::move(service)), stop_(std::move(stop)), timeout_(config.metadata_timeout) {}

std::optional<std::string> MetadataClient::get(const std::string& path) {
    HttpResponse response = send(path);
    return judged(std::move(response));
}

std::optional<std::string> MetadataClient::judged(HttpResponse response) const {
    return judge(last_, std::move(response), service_.absent);
}

std::string MetadataClient::get_text(const std::string& path) { return std::string(trimmed(get(path).value_or(""))); }

Json MetadataClient::get_object(const std::string& path) { return get_object_of_version({path}).first; }

std::pair<Json, std::string> MetadataClient::get_object_of_version(const std::vector<std::string>& paths) {
    std::size_t used = 0;
    HttpResponse response = send(paths.front());
    while ((response.status == 400 || response.status == 404) && used + 1 < paths.size()) {
        response = send(paths[++used]);
    }
    const auto text = judge(last_, std::move(response), service_.absent);
    if (!text) {
        throw bad_document(paths[used], "is not there");
    }
    Json object = parse_json(*text);
    if (!object.is_object()) {
        throw bad_document(paths[used], "is not a JSON object");
    }
    return {std::move(object), paths[used]};
}

std::vector<std::string> MetadataClient::get_names(const std::string& path) {
    constexpr std::size_t most_names = 200;  // each may cost a request; clouds allow 50 to 64 tags
    std::vector<std::string> names;
    for (const std::string& line : split(get(path).value_or(""), '\n')) {
        const std::string_view name = trimmed(line);
        if (!name.empty() && names.size() < most_names) {
            names.emplace_back(name.substr(0, name.find('/')));
        }
    }
    return names;
}

void MetadataClient::read_tags_folder(std::map<std::string, std::string>& tags, const std::string& folder) {
    for (const std::string& name : get_names(folder)) {
        tags[name] = get_text(folder + "/" + path_segment(name));
    }
}

HttpResponse MetadataClient::send(const std::string& path) {
    ensure_token();
    const auto send_with_token = [&] {
        return send_to_service(
            "GET", path,
            token_ ? MetadataService::Headers{{service_.token->header, *token_}} : MetadataService::Headers{});
    };
    HttpResponse response = send_with_token();
    if (response.status == 401 && token_) {  // expired
        asked_for_token_ = false;
        ensure_token();
        response = send_with_token();
    }
    return response;
}

void MetadataClient::ensure_token() {
    if (!service_.token || asked_for_token_) {
        return;
    }
    const MetadataService::Token& token = *service_.token;
    const HttpResponse response = send_to_service(token.method, token.path, token.headers);
    const std::string status = last_ + ": HTTP status " + std::to_string(response.status);
    const bool is_missing = response.status == 404 || response.status == 405;
    if (response.status == 403) {
        throw permanent_error("platform.metadata_disabled", status + ": the metadata service is switched off",
                              token.if_disabled);
    }
    if (is_missing && !token.is_optional) {
        throw permanent_error("platform.token_missing", status + ": this service gives no tokens", token.if_missing);
    }
    token_ = is_missing ? std::nullopt
                        : std::optional(checked_token(last_, trimmed(judge(last_, response, {}).value_or(""))));
    asked_for_token_ = true;
}

HttpResponse MetadataClient::send_to_service(const std::string& method, const std::string& path,
                                             const MetadataService::Headers& headers) {
    const std::vector<Url> endpoints = endpoint_.empty() ? service_.endpoints : std::vector{endpoint_};
    std::vector<HttpRequest> requests;
    requests.reserve(endpoints.size());
    for (const Url& endpoint : endpoints) {
        requests.push_back(make_request(method, endpoint, path, headers));
    }
    // The second address is asked a little later: if the first answers, as nearly always, the second is never asked.
    constexpr milliseconds stagger{250};
    const auto accepts = [&](std::size_t, const HttpResponse& response) {
        return response.status < 500 && has_proof(response);
    };
    HttpRace race = system_.http.race(requests, stagger, accepts, stop_);
    if (race.winner) {
        endpoint_ = endpoints[*race.winner];
    }
    const std::size_t used = race.winner.value_or(0);
    last_ = method + " " + endpoints[used].server() + path;  // whose query is ours, and no secret
    if (!race.responses[used]) {
        throw race.errors[used].value();
    }
    if (!has_proof(*race.responses[used])) {
        throw unknown_answer(last_, *race.responses[used],
                             "the answer does not carry the header " + service_.proof.front().first +
                                 ", so it is not this cloud's metadata service that answers there");
    }
    return std::move(*race.responses[used]);
}

namespace {

/// A name that a service gives may not be a valid path. @throws Error http.bad_url (permanent), which names the service
Url url_of(const Url& endpoint, const std::string& path) {
    try {
        return endpoint.with_target(path);
    } catch (const Error& error) {
        throw permanent_error("http.bad_url", "what " + endpoint.server() + " names is no path: " + error.message,
                              "look at what the metadata service answers: `bootwright explain` shows what is asked");
    }
}

}  // namespace

HttpRequest MetadataClient::make_request(const std::string& method, const Url& endpoint, const std::string& path,
                                         const MetadataService::Headers& headers) const {
    HttpRequest request{.method = method,
                        .url = url_of(endpoint, path),
                        .headers = service_.headers,
                        .timeout = timeout_,
                        .max_bytes = largest_user_data,
                        .unix_socket = service_.unix_socket,
                        .privileged_port = service_.privileged_port};
    request.connect_timeout = std::min(request.connect_timeout, timeout_);
    request.headers.insert(request.headers.end(), headers.begin(), headers.end());
    return request;
}

bool MetadataClient::has_proof(const HttpResponse& response) const {
    return std::all_of(service_.proof.begin(), service_.proof.end(), [&](const auto& wanted) {
        const auto found = response.headers.find(wanted.first);
        return found != response.headers.end() && found->second == wanted.second;
    });
}

std::string required_secret(const Json& document, const char* key, const std::string& path) {
    constexpr std::size_t largest_secret = 16384;  // Microsoft's tokens grow with the groups that they name
    std::string secret = string_at(document, key);
    if (!is_header_word(secret, largest_secret)) {
        throw bad_document(path, std::string("has no ") + key + " that could be one");
    }
    return secret;
}

Error no_identity_role(const std::string& path, const std::string& advice) {
    return permanent_error("platform.no_identity_role",
                           path + ": the metadata service has no identity for this instance", advice);
}

std::optional<std::string> why_not_asked(const Url& url) {
    if (url.empty()) {
        return "it is no URL";
    }
    if (url.has_credentials()) {
        return "its user and password would go over the network in clear";
    }
    return url.scheme() == "http" ? std::nullopt : std::optional<std::string>("only http is spoken here");
}

std::optional<std::string> fetch(const System& system, const HttpRequest& request, std::stop_token stop) {
    return judge(request.method + " " + request.url.shown(), system.http.send(request, std::move(stop)), {404, 204});
}

}  // namespace bootwright
