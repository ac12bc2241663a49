#include "agent/role/announce_config.hpp"

#include "common/base/error.hpp"
#include "common/base/text.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

namespace bootwright {

namespace {

/// What is told goes by TLS only, since its URL may be all that proves a right. "": none.
Url read_url(const std::string& text, const std::string& key, const ObjectReader& reader, const std::string& example) {
    if (text.empty()) {
        return {};
    }
    const auto url = Url::parse(text);
    if (!url || url->scheme() != "https") {
        throw reader.error(key, "expected an https URL: " + Url::why_refused(text).value_or("its scheme is another"),
                           "write " + example);
    }
    if (url->has_credentials()) {
        throw reader.error(key, "a user and a password do not belong into this URL",
                           "leave them out; a web hook's token comes from `token_from`");
    }
    return *url;
}

AnnounceConfig::Webhook read_webhook(ObjectReader reader) {
    const std::string url = reader.string("url").value_or("");
    AnnounceConfig::Webhook webhook{.token = read_secret_source(reader, "token_from", {"file", "credential"}),
                                    .identity = reader.boolean("identity").value_or(false)};
    reader.finish();
    webhook.url = read_url(url, "url", reader, "it like \"https://hooks.example.com/bootwright\"");
    if (webhook.token && webhook.identity) {
        throw reader.error("identity", "a request proves itself in one way", "remove this key or `token_from`");
    }
    return webhook;
}

/// "CompleteLifecycleAction", Amazon EC2 Auto Scaling API Reference.
AnnounceConfig::AwsLifecycle read_aws_lifecycle(ObjectReader reader) {
    AnnounceConfig::AwsLifecycle lifecycle{.hook = reader.string("hook").value_or(""),
                                           .group = reader.string("group").value_or("")};
    reader.finish();
    const auto is_of_hook = [](char c) { return is_alphanumeric(c) || c == '-' || c == '_' || c == '/'; };
    if (lifecycle.hook.size() > 255 || !std::all_of(lifecycle.hook.begin(), lifecycle.hook.end(), is_of_hook)) {
        throw reader.error("hook", "no lifecycle hook can have that name", "write A-Z a-z 0-9 - _ / only");
    }
    const bool is_group = std::all_of(lifecycle.group.begin(), lifecycle.group.end(),
                                      [](char c) { return static_cast<unsigned char>(c) >= ' ' && c != '\x7f'; });
    if (lifecycle.group.size() > 255 || !is_group) {
        throw reader.error("group", "no Auto Scaling group can have that name", "write the group's name, not its ARN");
    }
    return lifecycle;
}

}  // namespace

void read_announce(AnnounceConfig& announce, ObjectReader reader, Speaker speaker) {
    if (auto webhook = reader.object("webhook")) {
        announce.webhook = read_webhook(*webhook);
        announce.webhook.said_by = speaker;
    }
    if (auto lifecycle = reader.object("aws_lifecycle")) {
        announce.aws_lifecycle = read_aws_lifecycle(*lifecycle);
    }
    if (auto url = reader.string("wait_condition")) {
        announce.wait_condition = read_url(*url, "wait_condition", reader,
                                           "the URL that `Ref` of the AWS::CloudFormation::WaitConditionHandle gives");
    }
    if (const auto after = reader.duration("failure_after")) {
        if (*after < std::chrono::minutes(1)) {
            throw reader.error("failure_after", "shorter than a minute", "write at least \"1m\"");
        }
        announce.failure_after = *after;
    }
    reader.finish();
}

}  // namespace bootwright
