#include "agent/announce/messages.hpp"

#include "agent/servers/cloud_request.hpp"
#include "common/base/clock.hpp"
#include "common/base/error.hpp"
#include "common/base/retry.hpp"
#include "common/base/text.hpp"
#include "common/documents/json.hpp"

#include <algorithm>
#include <string_view>

namespace bootwright {

namespace {

constexpr std::size_t most_of_answer = std::size_t{16} << 10U;
/// Where an instance's tag names the group that it was started by.
constexpr const char* group_tag = "aws:autoscaling:groupName";

std::string reason_of(const RunReport& report, bool good) {
    return good ? "configured by bootwright" : report.error ? report.error->code : "failed";
}

Error unavailable(const WebResponse& response, const std::string& what) {
    constexpr std::chrono::seconds longest_wait{10};  // the run is over, and the next one may be due
    Error error = transient_error("announce.unavailable", what, "check the receiver, and its log for the reason");
    if (const auto wish = retry_after(response.headers)) {
        error.retry_after = std::min<std::chrono::milliseconds>(*wish, longest_wait);
    }
    return error;
}

/// The word between <Code> and </Code> of an answer in Amazon's XML, if it is one.
std::string aws_fault(const std::string& body) {
    constexpr std::string_view tag = "<Code>";
    const std::size_t begin = std::min(body.find(tag), body.size());
    const std::string rest = body.substr(std::min(begin + tag.size(), body.size()));
    const std::string word = rest.substr(0, rest.find('<'));
    return is_made_of(word, ".", 80) ? word : "";
}

}  // namespace

std::optional<bool> final_outcome(const RunReport& report, bool was_configured, std::chrono::milliseconds since_boot,
                                  std::chrono::milliseconds failure_after) {
    if (report.is_good()) {
        return true;
    }
    if (!report.finished || !report.error || report.error->kind == ErrorKind::stopped) {
        return std::nullopt;
    }
    const bool is_final =
        report.error->kind == ErrorKind::permanent || (!was_configured && since_boot >= failure_after);
    return is_final ? std::optional(false) : std::nullopt;
}

WebRequest webhook_request(const AnnounceConfig::Webhook& webhook, const RunReport& report, bool good,
                           const std::string& id, const std::string& bearer) {
    const InstanceMetadata instance = report.instance.value_or(InstanceMetadata{});
    Json error;
    if (report.error) {
        error = {{"stage", to_string(report.stage)}, {"code", report.error->code}, {"message", report.error->message}};
    }
    const Json body{{"id", id},
                    {"good", good},
                    {"outcome", to_string(report.puppet.outcome)},
                    {"error", std::move(error)},
                    {"instance",
                     {{"platform", instance.platform},
                      {"id", instance.instance_id},
                      {"region", text_or_null(instance.region)},
                      {"hostname", text_or_null(instance.hostname)}}},
                    {"role", text_or_null(report.role)},
                    {"revision", text_or_null(report.revision_resolved)},
                    {"run", report.number},
                    {"at", report.finished ? Json(to_iso8601(report.finished->wall)) : Json()}};
    WebRequest request{.method = "POST",
                       .url = webhook.url,
                       .headers = {{"Content-Type", "application/json"}},
                       .body = to_line(body),
                       .max_bytes = most_of_answer};
    if (!bearer.empty()) {
        request.headers.emplace_back("Authorization", "Bearer " + bearer);
    }
    return request;
}

/// Source: "CompleteLifecycleAction", Amazon EC2 Auto Scaling API Reference: the instance id stands for the token.
WebRequest lifecycle_request(const AnnounceConfig::AwsLifecycle& lifecycle, const InstanceMetadata& instance, bool good,
                             const std::optional<CloudIdentity>& identity) {
    const auto tag = instance.tags.find(group_tag);
    const std::string group = !lifecycle.group.empty()     ? lifecycle.group
                              : tag != instance.tags.end() ? tag->second
                                                           : "";
    if (group.empty()) {
        throw permanent_error("announce.no_group", "nothing says to which Auto Scaling group this instance belongs",
                              "set announce.aws_lifecycle.group in the role config, or allow tags in the instance's "
                              "metadata (InstanceMetadataTags=enabled)");
    }
    const std::string place = "the lifecycle hook " + lifecycle.hook;
    AwsSignature signature = aws_signature(identity, "autoscaling", identity ? identity->region : "", place);
    const std::string host = aws_host("autoscaling", signature.region, place);
    return {.method = "POST",
            .url = "https://" + host + "/",
            .headers = {{"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"}},
            .body = "Action=CompleteLifecycleAction&Version=2011-01-01&AutoScalingGroupName=" + uri_encoded(group) +
                    "&LifecycleHookName=" + uri_encoded(lifecycle.hook) + "&InstanceId=" +
                    uri_encoded(instance.instance_id) + "&LifecycleActionResult=" + (good ? "CONTINUE" : "ABANDON"),
            .signature = std::move(signature),
            .max_bytes = most_of_answer};
}

/// Source: "Creating wait conditions in a template", AWS CloudFormation User Guide. The URL is signed for no Content-Type;
/// a signal with the same UniqueId is the same signal.
WebRequest wait_condition_request(const Url& url, const RunReport& report, bool good) {
    const std::string id = report.instance ? report.instance->instance_id : "";
    const Json body{{"Status", good ? "SUCCESS" : "FAILURE"},
                    {"Reason", reason_of(report, good)},
                    {"UniqueId", id},
                    {"Data", report.revision_resolved}};
    return {.method = "PUT",
            .url = url,
            .headers = {{"Content-Type", ""}},
            .body = to_line(body),
            .max_bytes = most_of_answer};
}

std::string read_answer(const WebResponse& response) {
    constexpr int request_timeout = 408;
    constexpr int too_early = 425;
    constexpr int too_many_requests = 429;
    const std::string what = "HTTP status " + std::to_string(response.status);
    if (response.status >= 200 && response.status < 300) {
        return what;
    }
    if (response.status >= 500 || response.status == request_timeout || response.status == too_early ||
        response.status == too_many_requests) {
        throw unavailable(response, what);
    }
    const bool is_redirect = response.status >= 300 && response.status < 400;
    throw permanent_error("announce.refused", what + (is_redirect ? ": redirects are not followed" : ""),
                          "check the receiver's URL and the rights in `announce` of the role config");
}

std::string read_lifecycle_answer(const WebResponse& response) {
    const std::string fault = aws_fault(response.body);
    const std::string what = "HTTP status " + std::to_string(response.status) + (fault.empty() ? "" : ", " + fault);
    if (response.status == 200) {
        return what;
    }
    if (fault == "ValidationError" && response.body.find("No active Lifecycle Action found") != std::string::npos) {
        return "there is no lifecycle action to complete";
    }
    const bool passes = fault.find("Throttl") != std::string::npos || fault.find("Expired") != std::string::npos ||
                        fault == "ResourceContention" || fault == "SignatureDoesNotMatch";
    if (passes) {
        throw unavailable(response, what);
    }
    try {
        return read_answer(response);
    } catch (const Error& error) {
        if (error.kind == ErrorKind::transient) {
            throw unavailable(response, what);
        }
        throw permanent_error("announce.refused", what,
                              "allow the instance's role autoscaling:CompleteLifecycleAction, and check hook and group "
                              "in announce.aws_lifecycle of the role config");
    }
}

}  // namespace bootwright
