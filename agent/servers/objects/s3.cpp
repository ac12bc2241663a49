// Amazon S3, and servers that speak like it. Source of the protocol: "REST API", Amazon S3 API Reference.

#include "agent/servers/cloud_request.hpp"
#include "agent/servers/objects/object_store.hpp"

#include <string>

namespace bootwright {

namespace {

/// The hash of an empty body. Amazon wants it in a header, signed; "UNSIGNED-PAYLOAD" would do on S3, but not on every
/// server that speaks like it. Source: "Authenticating Requests: Using the Authorization Header", Amazon S3 API
/// Reference.
constexpr const char* sha256_of_nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

WebRequest request(const Url& place, const std::string& file, const Stores& stores) {
    const auto [names, object] = store_place(place, 1, file);
    const std::string& bucket = names.front();
    check_bucket(place, bucket, "-.", 63);
    const auto& identity = stores.s3_keys ? stores.s3_keys : stores.identity;
    const std::string own_region = identity && stores.s3_endpoint.empty() ? identity->region : "";
    const std::string usual_region = stores.s3_endpoint.empty() ? own_region : "us-east-1";
    const std::string region = stores.s3_region.empty() ? usual_region : stores.s3_region;
    WebRequest asked{.headers = {{"x-amz-content-sha256", sha256_of_nothing}},
                     .signature = aws_signature(identity, "s3", region, place.shown())};
    const std::string path = "/" + uri_encoded(object);
    const std::string amazon = aws_host("s3", region, place.shown());
    if (!stores.s3_endpoint.empty()) {
        asked.url = stores.s3_endpoint.with_target("/" + bucket + path);
    } else if (bucket.find('.') != std::string::npos) {  // Amazon's certificate is for one label before s3
        asked.url = "https://" + amazon + "/" + bucket + path;
    } else {
        asked.url = "https://" + bucket + "." + amazon + path;
    }
    return asked;
}

const ObjectStore store{
    .scheme = {"s3"}, .needs_identity = [](const Stores& stores) { return !stores.s3_keys; }, .request = request};
const Registered<UrlScheme> registered_scheme(store.scheme);
const Registered<ObjectStore> registered(store);

}  // namespace

}  // namespace bootwright
