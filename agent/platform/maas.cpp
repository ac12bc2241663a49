// MAAS: a metadata service at an address of its own, asked with credentials of the machine's own. Both stand in what MAAS has cloud-init
// configured by: on a deployed machine a file that its installer wrote, on one that runs from memory a document whose URL is on the
// kernel command line. Sources of the protocol: MAAS, "The Metadata API", and what serves it; RFC 5849, 3.4.4 and 3.5.1;
// cloud-init's documentation, "MAAS" and "Kernel command line".
// https://github.com/canonical/maas/blob/master/src/metadataserver/api.py
// https://www.rfc-editor.org/rfc/rfc5849
// https://docs.cloud-init.io/en/latest/reference/datasources/maas.html
// https://docs.cloud-init.io/en/latest/explanation/kernel-command-line.html

#include "agent/platform/document.hpp"
#include "agent/platform/machine.hpp"
#include "agent/platform/metadata_service.hpp"
#include "agent/platform/platform.hpp"
#include "common/base/encoding.hpp"
#include "common/base/error.hpp"
#include "common/base/http_date.hpp"
#include "common/base/text.hpp"
#include "common/documents/yaml.hpp"
#include "common/files/file.hpp"
#include "common/net/url.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace bootwright {

namespace {

namespace fs = std::filesystem;

constexpr const char* folder = "/etc/cloud/cloud.cfg.d";

/// `datasource: MAAS: {…}` of a configuration for cloud-init; an empty object if it has none.
Json datasource_in(const std::string& text) {
    if (text.find("MAAS") == std::string::npos) {
        return Json::object();  // not worth parsing
    }
    return object_at(parse_yaml(text, YamlScalars::as_written).value_or(Json()), "/datasource/MAAS");
}

/// A configuration; "" if it is not there, or not for this user to read: it holds a secret.
std::string read_configuration(const fs::path& file) {
    constexpr std::size_t largest = 65536;
    try {
        return read_file_start(file, largest).value_or("");
    } catch (const Error&) {
        return "";
    }
}

struct Found {
    std::string path;
    Json datasource;
};

/// The file that says where the service is. As with cloud-init, of several the last in the alphabet counts.
std::optional<Found> find_file(const System& system) {
    std::vector<std::string> names;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(system.path(folder), error)) {
        names.push_back(entry.path().filename());
    }
    std::sort(names.begin(), names.end(), std::greater<>());
    for (const std::string& name : names) {
        const std::string path = std::string(folder) + "/" + name;
        Json datasource = datasource_in(name.ends_with(".cfg") ? read_configuration(system.path(path)) : "");
        if (!text_at(datasource, "metadata_url").empty()) {
            return Found{path, std::move(datasource)};
        }
    }
    return std::nullopt;
}

/// The URL on the kernel command line, if it is one of MAAS's: others use the parameter, too.
std::optional<std::string> url_on_kernel_line(const System& system) {
    const auto url = kernel_parameter(system, "cloud-config-url");
    return url && url->find("/MAAS/metadata/") != std::string::npos ? url : std::nullopt;
}

/// @throws Error http.bad_url (permanent), which does not quote it
Url checked_url(const std::string& text, const std::string& named_by) {
    const auto why_no_url = Url::why_refused(text);
    Url url = Url::parse(text).value_or(Url());
    if (const auto why = why_no_url ? why_no_url : why_not_asked(url)) {
        throw permanent_error("http.bad_url", "the URL of MAAS that " + named_by + " names is refused: " + *why,
                              "deploy the machine again from a MAAS that serves its metadata over http, as it does by "
                              "itself");
    }
    return url;
}

/// The service, and what this machine proves itself to it with.
struct Access {
    Url url;
    std::string signature;  ///< percent-encoded, as the header wants it
    std::string consumer;
    std::string token;
};

Access access_in(const Json& datasource, const std::string& named_by) {
    const auto written = [](const std::string& text) { return percent_encoded(text, "-._~"); };
    const auto secret = [&](const char* key) { return written(required_secret(datasource, key, named_by)); };
    return {.url = checked_url(text_at(datasource, "metadata_url"), named_by),
            .signature = written(written(text_at(datasource, "consumer_secret")) + "&" + secret("token_secret")),
            .consumer = secret("consumer_key"),
            .token = secret("token_key")};
}

/// Where the kernel command line or a file says that it is. @throws Error platform.seed_missing (transient), and as access_in
Access find_access(const System& system, const AgentConfig& config, const std::stop_token& stop) {
    if (const auto text = url_on_kernel_line(system)) {
        const std::string named_by = "cloud-config-url= of the kernel command line";
        HttpRequest request{
            .url = checked_url(*text, named_by), .timeout = config.metadata_timeout, .max_bytes = largest_user_data};
        request.connect_timeout = std::min(request.connect_timeout, request.timeout);
        const Json datasource = datasource_in(fetch(system, request, stop).value_or(""));
        if (text_at(datasource, "metadata_url").empty()) {
            throw bad_document(request.url.shown(), "names no metadata_url of MAAS");
        }
        return access_in(datasource, request.url.shown());
    }
    if (const auto found = find_file(system)) {
        return access_in(found->datasource, found->path);
    }
    throw transient_error("platform.seed_missing",
                          std::string("the platform is maas, but no file in ") + folder +
                              " names its metadata service (datasource: MAAS: metadata_url), or none can be read",
                          "run the agent as root; deploy the machine with MAAS, which writes the file");
}

class MaasClient {
public:
    MaasClient(const System& system, const AgentConfig& config, Access access, std::stop_token stop)
        : system_(system), config_(config), access_(std::move(access)), stop_(std::move(stop)) {}

    /// @throws Error as MetadataClient::get
    std::optional<std::string> get(const std::string& name) {
        std::string base = access_.url.path();
        base.resize(base.size() - (base.ends_with('/') ? 1 : 0));
        const std::string path = base + "/2012-03-01/" + name;
        MetadataClient client = signed_client();
        HttpResponse response = client.send(path);
        return learn_time(response) ? signed_client().get(path) : client.judged(std::move(response));
    }

private:
    /// A client for one request, since MAAS takes each nonce once.
    MetadataClient signed_client() {
        constexpr double numbers = 9007199254740992.0;  // 2^53
        const auto nonce = static_cast<std::uint64_t>(system_.random() * numbers);
        const auto time =
            std::chrono::duration_cast<std::chrono::seconds>((system_.clock.now().wall + ahead_).time_since_epoch());
        const std::string header = "OAuth oauth_consumer_key=\"" + access_.consumer + "\", oauth_token=\"" +
                                   access_.token + "\", oauth_signature_method=\"PLAINTEXT\", oauth_signature=\"" +
                                   access_.signature + "\", oauth_timestamp=\"" + std::to_string(time.count()) +
                                   "\", oauth_nonce=\"" + hex_of(nonce) + "\", oauth_version=\"1.0\"";
        return {system_,
                config_,
                {.endpoints = {Url(access_.url.server())}, .headers = {{"Authorization", header}}},
                stop_};
    }

    /// MAAS refuses what is signed at another time than its own, and a clock may be wrong at boot. Returns true if the refusal says
    /// another time than the one that was used.
    bool learn_time(const HttpResponse& response) {
        const auto date = response.headers.find("date");
        const bool is_refusal = response.status == 401 || response.status == 403;
        const auto servers =
            is_refusal && date != response.headers.end() ? parse_http_date(date->second) : std::nullopt;
        const auto ahead = servers ? *servers - system_.clock.now().wall : ahead_;
        const bool is_news = std::chrono::abs(ahead - ahead_) > std::chrono::seconds(60);
        ahead_ = is_news ? ahead : ahead_;
        return is_news;
    }

    const System& system_;
    const AgentConfig& config_;
    Access access_;
    std::stop_token stop_;
    std::chrono::system_clock::duration ahead_{0};  ///< by which MAAS's clock is ahead of this machine's
};

class Maas final : public Platform {
public:
    [[nodiscard]] std::string_view name() const override { return "maas"; }

    [[nodiscard]] UserDataTerms user_data_terms() const override {
        return {.place = "`maas PROFILE machine deploy SYSTEM_ID user_data=BASE64`, as --encoding base64 writes it"};
    }

    [[nodiscard]] std::vector<Evidence> detect(const System& system, const AgentConfig&) const override {
        const auto on_kernel_line = url_on_kernel_line(system);
        const auto file = find_file(system);
        const auto shown = [](const std::string& text) {
            const auto url = Url::parse(text);
            return url ? url->shown() : "(no URL that could be asked)";
        };
        return {{"/proc/cmdline", "cloud-config-url= on the kernel command line is MAAS's",
                 on_kernel_line ? shown(*on_kernel_line) : "(no such URL)", on_kernel_line.has_value(),
                 Rank::kernel_line_url},
                {file ? file->path : folder, "MAAS's installer left where its service is",
                 file ? shown(text_at(file->datasource, "metadata_url")) : "(no such file)", file.has_value(),
                 Rank::installer}};
    }

    [[nodiscard]] InstanceMetadata read(const System& system, const AgentConfig& config,
                                        std::stop_token stop) const override {
        MaasClient client(system, config, find_access(system, config, stop), stop);
        const auto value = [&](const char* name) { return std::string(trimmed(client.get(name).value_or(""))); };
        InstanceMetadata metadata{.platform = "maas", .instance_id = value("meta-data/instance-id")};
        if (!is_word(metadata.instance_id)) {
            throw bad_document("meta-data/instance-id", "is not there, or is none");
        }
        metadata.hostname = value("meta-data/local-hostname");
        metadata.user_data = client.get("user-data");
        metadata.user_data_origin = "user-data";
        return metadata;
    }
};

const Maas maas;
const Registered<Platform> registered(maas);

}  // namespace

}  // namespace bootwright
