// The lifecycle hook of Amazon's Auto Scaling that waits for this instance. Source of the protocol: "CompleteLifecycleAction",
// Amazon EC2 Auto Scaling API Reference
// (https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_CompleteLifecycleAction.html).

#include "agent/announce/announce.hpp"
#include "agent/announce/answer.hpp"
#include "agent/servers/cloud_request.hpp"
#include "common/base/encoding.hpp"
#include "common/base/text.hpp"
#include "common/documents/schema_text.hpp"

#include <algorithm>
#include <string_view>

namespace bootwright {

namespace {

/// The tag of an instance that names the group that started it.
constexpr const char* group_tag = "aws:autoscaling:groupName";

struct Lifecycle {
    std::string hook{};
    std::string group{};  ///< empty: as the instance's tag says
};

constexpr std::size_t longest_name = 255;

Lifecycle read_lifecycle(ObjectReader reader) {
    Lifecycle lifecycle;
    reader.attempt([&] { lifecycle.hook = reader.string("hook").value_or(""); });
    reader.attempt([&] { lifecycle.group = reader.string("group").value_or(""); });
    reader.finish();
    const auto is_of_hook = [](char c) { return is_alphanumeric(c) || c == '-' || c == '_' || c == '/'; };
    const bool is_hook = std::all_of(lifecycle.hook.begin(), lifecycle.hook.end(), is_of_hook);
    reader.attempt([&] {
        if (lifecycle.hook.size() > longest_name || !is_hook) {
            throw reader.error("hook", "no lifecycle hook can have that name", "write A-Z a-z 0-9 - _ / only");
        }
    });
    const bool is_group = std::all_of(lifecycle.group.begin(), lifecycle.group.end(),
                                      [](char c) { return static_cast<unsigned char>(c) >= ' ' && c != '\x7f'; });
    if (lifecycle.group.size() > longest_name || !is_group) {
        throw reader.error("group", "no Auto Scaling group can have that name", "write the group's name, not its ARN");
    }
    return lifecycle;
}

std::string group_of(const Lifecycle& lifecycle, const InstanceMetadata& instance) {
    const auto tag = instance.tags.find(group_tag);
    const std::string group = !lifecycle.group.empty()     ? lifecycle.group
                              : tag != instance.tags.end() ? tag->second
                                                           : "";
    if (group.empty()) {
        throw permanent_error("announce.no_group", "nothing says to which Auto Scaling group this instance belongs",
                              "set announce.aws_lifecycle.group in the role config, or allow tags in the instance's "
                              "metadata (InstanceMetadataTags=enabled)");
    }
    return group;
}

/// Signed by the instance's role. The instance id stands for the token of the action.
WebRequest request(const Lifecycle& lifecycle, const News& news) {
    const InstanceMetadata& instance = *news.report.instance;
    const std::string group = group_of(lifecycle, instance);
    const auto identity = news.identity.for_services();
    const std::string place = "the lifecycle hook " + lifecycle.hook;
    AwsSignature signature = aws_signature(identity, "autoscaling", identity ? identity->region : "", place);
    const std::string host = aws_host("autoscaling", signature.region, place);
    return {.method = "POST",
            .url = "https://" + host + "/",
            .headers = {{"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"}},
            .body = "Action=CompleteLifecycleAction&Version=2011-01-01&AutoScalingGroupName=" + uri_encoded(group) +
                    "&LifecycleHookName=" + uri_encoded(lifecycle.hook) +
                    "&InstanceId=" + uri_encoded(instance.instance_id) +
                    "&LifecycleActionResult=" + (news.good ? "CONTINUE" : "ABANDON"),
            .signature = std::move(signature),
            .max_bytes = most_of_answer};
}

/// The word between <Code> and </Code> of an answer in Amazon's XML, if it is one.
std::string aws_fault(const std::string& body) {
    constexpr std::string_view tag = "<Code>";
    const std::size_t begin = std::min(body.find(tag), body.size());
    const std::string rest = body.substr(std::min(begin + tag.size(), body.size()));
    const std::string word = rest.substr(0, rest.find('<'));
    return is_made_of(word, ".", 80) ? word : "";
}

/// Auto Scaling also refuses to complete what is complete already: that is settled, and no error.
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

std::optional<Receiver> read(ObjectReader& announce, Speaker) {
    const auto reader = announce.object("aws_lifecycle");
    if (!reader) {
        return std::nullopt;
    }
    const Lifecycle lifecycle = read_lifecycle(*reader);
    return Receiver{.name = lifecycle.hook,
                    .target = hash_of(lifecycle.hook + " " + lifecycle.group),
                    .request = [lifecycle](const News& news) { return request(lifecycle, news); },
                    .read_answer = read_lifecycle_answer};
}

const ReceiverKind aws_lifecycle_receiver{
    .key = "aws_lifecycle",
    .meaning = "the [lifecycle hook](#announce) of an Auto Scaling group that is told",
    .why = "of this instance only, by its own role",
    .schema =
        [] {
            return object_schema(
                {{"hook", text_schema("^[A-Za-z0-9_/-]*$", longest_name)}, {"group", text_schema("", longest_name)}});
        },
    .read = read};
const Registered<ReceiverKind> registered(aws_lifecycle_receiver);

}  // namespace

}  // namespace bootwright
