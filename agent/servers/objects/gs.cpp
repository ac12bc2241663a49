// Google Cloud Storage.

#include "agent/servers/cloud_request.hpp"
#include "agent/servers/objects/object_store.hpp"

namespace bootwright {

namespace {

/// "XML API", Google Cloud Storage: path style, with an OAuth token.
WebRequest request(const Url& place, const std::string& file, const Stores& stores) {
    const auto [names, object] = store_place(place, 1, file);
    check_bucket(place, names.front(), "-._", 222);
    return {.url = "https://storage.googleapis.com/" + names.front() + "/" + uri_encoded(object),
            .headers = {bearer_header(stores.identity, place.shown())}};
}

const ObjectStore store{.scheme = {"gs"}, .request = request};
const Registered<UrlScheme> registered_scheme(store.scheme);
const Registered<ObjectStore> registered(store);

}  // namespace

}  // namespace bootwright
