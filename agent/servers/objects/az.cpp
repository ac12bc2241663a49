// Azure Blob Storage.

#include "agent/servers/cloud_request.hpp"
#include "agent/servers/objects/object_store.hpp"

#include <string>

namespace bootwright {

namespace {

/// "Authorize with Microsoft Entra ID", Azure Storage REST API: any version from 2017-11-09 on takes a token.
WebRequest request(const Url& place, const std::string& file, const Stores& stores) {
    const auto [names, object] = store_place(place, 2, file);
    const std::string& account = names[0];
    const std::string& container = names[1];
    const bool is_system_container = container == "$web" || container == "$root";
    if (!is_store_name(account, "", 3, 24) || !(is_system_container || is_store_name(container, "-", 3, 63))) {
        throw store_url_invalid(place, "no storage account or no container can have that name",
                                "write az://ACCOUNT/CONTAINER/PREFIX");
    }
    return {
        .url = "https://" + account + ".blob.core.windows.net/" + uri_encoded(container) + "/" + uri_encoded(object),
        .headers = {{"x-ms-version", "2020-04-08"}, bearer_header(stores.identity, place.shown())}};
}

const ObjectStore store{.scheme = {"az"}, .request = request};
const Registered<UrlScheme> registered_scheme(store.scheme);
const Registered<ObjectStore> registered(store);

}  // namespace

}  // namespace bootwright
