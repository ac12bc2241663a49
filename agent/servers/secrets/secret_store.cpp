#include "agent/servers/secrets/secret_store.hpp"

#include "agent/servers/cloud_request.hpp"
#include "common/base/error.hpp"
#include "common/base/retry.hpp"
#include "common/base/text.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <system_error>

namespace bootwright {

namespace {

constexpr std::size_t largest_secret = std::size_t{64} << 10U;

/// The word by which a service names a fault: Amazon's "__type" (in some answers after "NAMESPACE#"), Google's
/// "error.status", Microsoft's "error.code". Empty if there is none that may be shown.
std::string fault_of(const Json& answer) {
    std::string word = string_at(answer, "__type");
    for (const char* pointer : {"/error/status", "/error/code"}) {
        word = word.empty() ? string_at_pointer(answer, pointer).value_or("") : word;
    }
    word = word.substr(word.rfind('#') + 1);
    return is_made_of(word, "_.", 80) ? word : "";
}

bool is_one_of(std::string_view word, const std::vector<std::string_view>& words) {
    return std::find(words.begin(), words.end(), word) != words.end();
}

Error unavailable(const std::string& what, const WebResponse& response) {
    Error error = transient_error("repository.secret_unavailable", what,
                                  "nothing to do if it passes: the agent tries again; else ask the cloud's support");
    error.retry_after = retry_after(response.headers);
    return error;
}

Error not_found(const std::string& what) {
    return permanent_error("repository.secret_not_found", what, "make it, or correct its name in agent.json");
}

/// The error for an answer without a secret: Amazon's status is nearly always 400, and a word says what is wrong.
Error refusal(const SecretStore& store, const std::string& name, const WebResponse& response) {
    const std::string fault = fault_of(parse_json(response.body));
    const std::string what = std::string(store.called) + ", secret " + name + ": HTTP status " +
                             std::to_string(response.status) + (fault.empty() ? "" : ", " + fault);
    // The next try has another identity, if this one has expired meanwhile, or the clock was not yet right.
    const bool passes = fault.find("Throttl") != std::string::npos || fault.find("Expired") != std::string::npos ||
                        is_one_of(fault, {"InvalidSignatureException", "TooManyUpdates", "InternalServerError",
                                          "InternalServiceError", "InternalFailure", "ServiceUnavailable",
                                          "RequestTimeout", "UNAVAILABLE", "RESOURCE_EXHAUSTED"});
    if (response.status == 429 || response.status == 408 || response.status >= 500 || response.status < 400 || passes) {
        return unavailable(what, response);
    }
    if (response.status == 404 ||
        is_one_of(fault, {"ResourceNotFoundException", "ParameterNotFound", "ParameterVersionNotFound"})) {
        return not_found(what + ": there is no such secret, or it has no value");
    }
    return permanent_error("repository.secret_denied", what + ": the store does not give it to this instance",
                           "allow the instance's role: " + std::string(store.right));
}

}  // namespace

const SecretStore* find_secret_store(std::string_view kind) {
    const auto& all = Registered<SecretStore>::all();
    const auto found =
        std::find_if(all.begin(), all.end(), [&](const SecretStore* store) { return store->kind.name == kind; });
    return found == all.end() ? nullptr : *found;
}

WebRequest secret_request(const SecretStore& store, const std::string& name,
                          const std::optional<CloudIdentity>& identity, const Url& endpoint) {
    if (!store.is_name(name)) {
        throw permanent_error("repository.secret_name_invalid",
                              "no secret of " + std::string(store.called) + " is called " + shortened(name, 200),
                              "write it like " + std::string(store.example) + " in agent.json");
    }
    WebRequest request = store.request(name, identity);
    request.max_bytes = std::size_t{40} << 10U;  // must fit into a child's line as base64
    if (!endpoint.empty()) {
        request.url = endpoint.with_target(request.url.target());
    }
    return request;
}

std::string read_secret(const SecretStore& store, const std::string& name, const WebResponse& response) {
    if (response.status != 200) {
        throw refusal(store, name, response);
    }
    const std::string where = std::string(store.called) + ", secret " + name;
    const Json answer = parse_json(response.body);
    auto value = answer.is_object() ? store.value(answer) : std::nullopt;
    if (!value) {
        throw unavailable(where + ": the answer holds no secret, or is not that of the store", response);
    }
    value->resize(value->find_last_not_of("\r\n") + 1);
    if (value->empty()) {
        throw not_found(where + ": it is empty");
    }
    if (value->size() > largest_secret) {
        throw not_found(where + ": it is larger than 64 KiB, so it is not what is meant");
    }
    return *value;
}

WebRequest aws_json_request(const std::string& service, const std::string& target, const std::string& name,
                            const Json& body, const std::optional<CloudIdentity>& identity) {
    // arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME
    const std::vector<std::string> parts = split(name, ':');
    const bool is_arn = name.starts_with("arn:") && parts.size() > 4;
    const std::string region = is_arn ? parts[3] : identity ? identity->region : "";
    AwsSignature signature = aws_signature(identity, service, region, service + " for the secret " + name);
    return {.method = "POST",
            .url = "https://" + aws_host(service, region, "the secret " + name) + "/",
            .headers = {{"Content-Type", "application/x-amz-json-1.1"}, {"X-Amz-Target", target}},
            .body = to_line(body),
            .signature = std::move(signature)};
}

std::optional<std::string> string_at_pointer(const Json& answer, const char* pointer) {
    const Json::json_pointer path(pointer);
    const bool is_there = answer.is_structured() && answer.contains(path) && answer.at(path).is_string();
    return is_there ? std::optional(answer.at(path).get<std::string>()) : std::nullopt;
}

}  // namespace bootwright
