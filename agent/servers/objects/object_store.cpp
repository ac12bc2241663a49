#include "agent/servers/objects/object_store.hpp"

#include "agent/servers/cloud_request.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/net/url.hpp"

#include <algorithm>
#include <string_view>
#include <vector>

namespace bootwright {

namespace {

constexpr std::string_view placeholder = "{revision}";

/// The hash of no body. Amazon wants it in a header, signed; "UNSIGNED-PAYLOAD" would do on S3, but not on every server that
/// speaks like it. Source: "Authenticating Requests: Using the Authorization Header", Amazon S3 API Reference.
constexpr const char* sha256_of_nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

Error url_invalid(const Url& place, const std::string& why, const std::string& advice) {
    return permanent_error("repository.url_invalid", place.shown() + ": " + why, advice);
}

/// "s3://bucket/a/b" in parts, of which the first `names` (account, container, bucket) say where, and the rest is a prefix.
struct Place {
    std::vector<std::string> names;
    std::string object;
};

Place parse(const Url& place, std::size_t names, const std::string& revision) {
    std::vector<std::string> parts = split(place.server().substr(place.scheme().size() + 3) + place.path(), '/');
    if (parts.size() > names && parts.back().empty()) {
        parts.pop_back();
    }
    // libcurl, and some servers, take "." and ".." and "//" out of a path, which would then be another object's.
    const bool is_plain = std::all_of(parts.begin(), parts.end(), [](const std::string& part) {
        return !part.empty() && part != "." && part != "..";
    });
    if (parts.size() < names || !is_plain || place.has_query() || place.has_credentials()) {
        throw url_invalid(place, "not the place of snapshots in an object store",
                          "write s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://ACCOUNT/CONTAINER/PREFIX, without "
                          "credentials, \"?\" or \"#\"");
    }
    const auto prefix_begin = parts.begin() + static_cast<std::ptrdiff_t>(names);
    std::vector<std::string> object(prefix_begin, parts.end());
    object.push_back(revision + ".bundle");
    parts.erase(prefix_begin, parts.end());
    return {std::move(parts), joined(object, "/")};
}

/// Lower case letters, digits and some of `others`, beginning and ending with a letter or digit.
bool is_store_name(const std::string& name, std::string_view others, std::size_t shortest, std::size_t longest) {
    return name.size() >= shortest && is_made_of(name, others, longest) && lower(name) == name &&
           is_made_of(name.substr(0, 1), "", 1) && is_made_of(name.substr(name.size() - 1), "", 1) &&
           name.find("..") == std::string::npos;
}

/// "Bucket naming rules" of Amazon S3, and "Bucket naming guidelines" of Google, which also allow "_"; 222 is Google's.
void check_bucket(const Url& place, const std::string& bucket, std::string_view others, std::size_t longest) {
    if (!is_store_name(bucket, others, 3, longest)) {
        throw url_invalid(place, "no bucket can have that name", "correct the bucket in the URL");
    }
}

WebRequest s3_request(const Url& place, const std::string& revision, const Stores& stores) {
    const auto [names, object] = parse(place, 1, revision);
    const std::string& bucket = names.front();
    check_bucket(place, bucket, "-.", 63);
    const auto& identity = stores.s3_keys ? stores.s3_keys : stores.identity;
    const std::string own_region = identity && stores.s3_endpoint.empty() ? identity->region : "";
    const std::string usual_region = stores.s3_endpoint.empty() ? own_region : "us-east-1";
    const std::string region = stores.s3_region.empty() ? usual_region : stores.s3_region;
    WebRequest request{.headers = {{"x-amz-content-sha256", sha256_of_nothing}},
                       .signature = aws_signature(identity, "s3", region, place.shown())};
    const std::string path = "/" + uri_encoded(object);
    const std::string amazon = aws_host("s3", region, place.shown());
    if (!stores.s3_endpoint.empty()) {
        request.url = stores.s3_endpoint.with_target("/" + bucket + path);
    } else if (bucket.find('.') != std::string::npos) {  // Amazon's certificate is for one label before s3
        request.url = "https://" + amazon + "/" + bucket + path;
    } else {
        request.url = "https://" + bucket + "." + amazon + path;
    }
    return request;
}

/// "XML API", Google Cloud Storage: path style, with an OAuth token.
WebRequest gs_request(const Url& place, const std::string& revision, const Stores& stores) {
    const auto [names, object] = parse(place, 1, revision);
    check_bucket(place, names.front(), "-._", 222);
    return {.url = "https://storage.googleapis.com/" + names.front() + "/" + uri_encoded(object),
            .headers = {bearer_header(stores.identity, place.shown())}};
}

/// "Authorize with Microsoft Entra ID", Azure Storage REST API: any version from 2017-11-09 on takes a token.
WebRequest az_request(const Url& place, const std::string& revision, const Stores& stores) {
    const auto [names, object] = parse(place, 2, revision);
    const std::string& account = names[0];
    const std::string& container = names[1];
    const bool is_system_container = container == "$web" || container == "$root";
    if (!is_store_name(account, "", 3, 24) || !(is_system_container || is_store_name(container, "-", 3, 63))) {
        throw url_invalid(place, "no storage account or no container can have that name",
                          "write az://ACCOUNT/CONTAINER/PREFIX");
    }
    return {
        .url = "https://" + account + ".blob.core.windows.net/" + uri_encoded(container) + "/" + uri_encoded(object),
        .headers = {{"x-ms-version", "2020-04-08"}, bearer_header(stores.identity, place.shown())}};
}

/// A web server, or a CDN: it may well send to another place for the file itself.
WebRequest web_request(const Url& place, const std::string& revision) {
    std::string target = place.target();
    for (std::size_t at = target.find(placeholder); at != std::string::npos; at = target.find(placeholder, at)) {
        target.replace(at, placeholder.size(), revision);
    }
    return {.url = place.with_target(target), .follow_redirects = true};
}

bool is_store(const Url& place) { return place.scheme() == "s3" || place.scheme() == "gs" || place.scheme() == "az"; }

bool is_web(const Url& place) { return place.scheme() == "https" || place.scheme() == "http"; }

}  // namespace

bool is_snapshot_url(const Url& place) {
    return is_store(place) || (is_web(place) && place.target().find(placeholder) != std::string::npos);
}

bool needs_identity(const Url& place, const Stores& stores) {
    return is_store(place) && !(place.scheme() == "s3" && stores.s3_keys);
}

WebRequest snapshot_request(const Url& place, const std::string& revision, const Stores& stores) {
    if (!is_commit_id(revision)) {
        throw permanent_error("repository.revision_invalid", "a snapshot is of a full commit id, and of nothing else",
                              "pin 40 hexadecimal digits in repository.revision of the role config");
    }
    if (place.scheme() == "s3") {
        return s3_request(place, revision, stores);
    }
    if (place.scheme() == "gs") {
        return gs_request(place, revision, stores);
    }
    if (place.scheme() == "az") {
        return az_request(place, revision, stores);
    }
    // Never in the host or in the credentials, where no Url has it: it would be asked of whoever owns the name.
    const bool has_path = place.shown().starts_with(place.server() + "/");
    if (!is_snapshot_url(place) || !has_path) {
        throw url_invalid(place, "not the place of snapshots",
                          "write an https URL with {revision} in its path, or an s3, gs or az URL");
    }
    return web_request(place, revision);
}

}  // namespace bootwright
