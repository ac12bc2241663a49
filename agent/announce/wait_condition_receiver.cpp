// A CloudFormation wait condition, which waits for a signal of this instance. Source of the protocol: "Creating wait conditions
// in a template", AWS CloudFormation User Guide
// (https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-waitcondition.html).

#include "agent/announce/announce.hpp"
#include "agent/announce/answer.hpp"
#include "common/documents/schema_text.hpp"

namespace bootwright {

namespace {

std::string reason_of(const News& news) {
    return news.good ? "configured by bootwright" : news.report.error ? news.report.error->code : "failed";
}

/// The URL is signed for no Content-Type. A signal with the same UniqueId is the same signal.
WebRequest request(const Url& url, const News& news) {
    const std::string id = news.report.instance ? news.report.instance->instance_id : "";
    const Json body{{"Status", news.good ? "SUCCESS" : "FAILURE"},
                    {"Reason", reason_of(news)},
                    {"UniqueId", id},
                    {"Data", news.report.revision_resolved}};
    return {.method = "PUT",
            .url = url,
            .headers = {{"Content-Type", ""}},
            .body = to_line(body),
            .max_bytes = most_of_answer};
}

std::optional<Receiver> read(ObjectReader& announce, Speaker) {
    const auto text = announce.string("wait_condition");
    if (!text) {
        return std::nullopt;
    }
    const Url url = read_receiver_url(*text, "wait_condition", announce,
                                      "the URL that `Ref` of the AWS::CloudFormation::WaitConditionHandle gives");
    return Receiver{.name = url.server(),
                    .url = url,
                    .target = url.hash_without_credentials(),
                    .request = [url](const News& news) { return request(url, news); },
                    .read_answer = read_answer};
}

const ReceiverKind wait_condition_receiver{
    .key = "wait_condition",
    .meaning = "the URL of a [CloudFormation wait condition](#announce) that is told",
    .why = "hears the outcome",
    .schema = [] { return text_schema("^(https://.*)?$"); },
    .read = read};
const Registered<ReceiverKind> registered(wait_condition_receiver);

}  // namespace

}  // namespace bootwright
