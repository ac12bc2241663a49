// Any server that takes a POST of JSON. docs/role-config.md has its members.

#include "agent/announce/announce.hpp"
#include "agent/announce/answer.hpp"
#include "agent/announce/token.hpp"
#include "common/base/clock.hpp"
#include "common/documents/schema_text.hpp"

namespace bootwright {

namespace {

struct Webhook {
    Url url{};
    std::optional<SecretSource> token{};  ///< a file or a credential, sent as "Authorization: Bearer"
    bool identity = false;                ///< sent likewise: the platform's signed word for who the instance is
    Speaker said_by = Speaker::anyone;    ///< only the image has its own secrets sent
};

Webhook read_webhook(ObjectReader reader, Speaker speaker) {
    Webhook webhook{.said_by = speaker};
    reader.attempt([&] {
        const std::string url = reader.string("url").value_or("");
        webhook.url = read_receiver_url(url, "url", reader, "it like \"https://hooks.example.com/bootwright\"");
    });
    reader.attempt([&] { webhook.token = read_secret_source(reader, "token_from", {"file", "credential"}); });
    reader.attempt([&] { webhook.identity = reader.boolean("identity").value_or(false); });
    reader.finish();
    if (webhook.token && webhook.identity) {
        throw reader.error("identity", "a request proves itself in one way", "remove this key or `token_from`");
    }
    return webhook;
}

/// What goes into the header Authorization; "": nothing.
std::string bearer_of(const Webhook& webhook, const News& news) {
    if (webhook.token) {
        return read_token(news.system, news.config, *webhook.token, webhook.said_by);
    }
    if (!webhook.identity) {
        return "";
    }
    const auto token = news.identity.token_for(webhook.url.server());
    if (!token) {
        throw permanent_error("announce.no_identity", "this platform gives no signed word for who the instance is",
                              "use announce.webhook.token_from; `identity` is for GCE");
    }
    check_bearer(*token, "the platform's signed word for who the instance is");
    return *token;
}

Json body_of(const News& news) {
    const RunReport& report = news.report;
    const InstanceMetadata instance = report.instance.value_or(InstanceMetadata{});
    Json error;
    if (report.error) {
        error = {{"stage", to_string(report.stage)}, {"code", report.error->code}, {"message", report.error->message}};
    }
    return {{"id", news.id},
            {"good", news.good},
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
}

WebRequest request(const Webhook& webhook, const News& news) {
    WebRequest request{.method = "POST",
                       .url = webhook.url,
                       .headers = {{"Content-Type", "application/json"}},
                       .body = to_line(body_of(news)),
                       .max_bytes = most_of_answer};
    if (const std::string bearer = bearer_of(webhook, news); !bearer.empty()) {
        request.headers.emplace_back("Authorization", "Bearer " + bearer);
    }
    return request;
}

std::optional<Receiver> read(ObjectReader& announce, Speaker speaker) {
    const auto reader = announce.object("webhook");
    if (!reader) {
        return std::nullopt;
    }
    const Webhook webhook = read_webhook(*reader, speaker);
    return Receiver{.name = webhook.url.server(),
                    .url = webhook.url,
                    .target = webhook.url.hash_without_credentials(),
                    .once = false,
                    .request = [webhook](const News& news) { return request(webhook, news); },
                    .read_answer = read_answer};
}

const ReceiverKind webhook_receiver{
    .key = "webhook",
    .meaning = "a [web hook](#announce) that is told how it came out",
    .why = "hears the outcome, by https, from the program without rights; `identity` is made out to the URL's own host",
    .schema =
        [] {
            return object_schema(
                {{"url", text_schema("^(https://.*)?$")},
                 {"token_from", object_schema({{"file", text_schema("^/")}, {"credential", text_schema()}},
                                              R"("minProperties": 1, "maxProperties": 1)")},
                 {"identity", flag_schema()}});
        },
    .guarded = {{"token_from", "sends a secret of this machine to where the same document says"}},
    .read = read};
const Registered<ReceiverKind> registered(webhook_receiver);

}  // namespace

}  // namespace bootwright
