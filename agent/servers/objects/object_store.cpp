#include "agent/servers/objects/object_store.hpp"

#include "common/base/error.hpp"
#include "common/base/text.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace bootwright {

Error store_url_invalid(const Url& place, const std::string& why, const std::string& advice) {
    return permanent_error("server.url_invalid", place.shown() + ": " + why, advice);
}

Error not_a_store(const Url& place) {
    return store_url_invalid(place, "not the place of snapshots",
                             "write an https URL with {revision} in its path, or an s3, gs or az URL");
}

StorePlace store_place(const Url& place, std::size_t names, const std::string& file) {
    std::vector<std::string> parts = split(place.server().substr(place.scheme().size() + 3) + place.path(), '/');
    if (parts.size() > names && parts.back().empty()) {
        parts.pop_back();
    }
    // libcurl, and some servers, take "." and ".." and "//" out of a path, which would then be another object's.
    const bool is_plain = std::all_of(parts.begin(), parts.end(), [](const std::string& part) {
        return !part.empty() && part != "." && part != "..";
    });
    if (parts.size() < names || !is_plain || place.has_query() || place.has_credentials()) {
        throw store_url_invalid(
            place, "not a place in an object store",
            "write s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://ACCOUNT/CONTAINER/PREFIX, without "
            "credentials, \"?\" or \"#\"");
    }
    const auto prefix_begin = parts.begin() + static_cast<std::ptrdiff_t>(names);
    std::vector<std::string> object(prefix_begin, parts.end());
    object.push_back(file);
    parts.erase(prefix_begin, parts.end());
    return {std::move(parts), joined(object, "/")};
}

bool is_store_name(const std::string& name, std::string_view others, std::size_t shortest, std::size_t longest) {
    return name.size() >= shortest && is_made_of(name, others, longest) && lower(name) == name &&
           is_made_of(name.substr(0, 1), "", 1) && is_made_of(name.substr(name.size() - 1), "", 1) &&
           name.find("..") == std::string::npos;
}

void check_bucket(const Url& place, const std::string& bucket, std::string_view others, std::size_t longest) {
    if (!is_store_name(bucket, others, 3, longest)) {
        throw store_url_invalid(place, "no bucket can have that name", "correct the bucket in the URL");
    }
}

namespace {

const ObjectStore* find_store(const Url& place) {
    const auto& all = Registered<ObjectStore>::all();
    const auto found = std::find_if(all.begin(), all.end(), [&](const ObjectStore* one) {
        return one->serves != nullptr ? one->serves(place) : one->scheme.name == place.scheme();
    });
    return found == all.end() ? nullptr : *found;
}

}  // namespace

bool is_snapshot_url(const Url& place) { return find_store(place) != nullptr; }

bool needs_identity(const Url& place, const Stores& stores) {
    const ObjectStore* store = find_store(place);
    return store != nullptr && store->needs_identity(stores);
}

WebRequest snapshot_request(const Url& place, const std::string& revision, const Stores& stores) {
    if (!is_commit_id(revision)) {
        throw permanent_error("git.revision_invalid", "a snapshot is of a full commit id, and of nothing else",
                              "pin 40 hexadecimal digits in repository.revision of the role config");
    }
    const ObjectStore* store = find_store(place);
    if (store == nullptr) {
        throw not_a_store(place);
    }
    return store->request(place, revision + ".bundle", stores);
}

std::string mirrored_release_name(const std::string& sha256) { return sha256 + ".tar.gz"; }

WebRequest mirrored_release_request(const Url& mirror, const std::string& sha256, const Stores& stores) {
    const std::string name = mirrored_release_name(sha256);
    const ObjectStore* store = find_store(mirror);
    if (store != nullptr && store->serves == nullptr) {
        return store->request(mirror, name, stores);
    }
    return {.url = mirror.below("/" + name), .follow_redirects = true};
}

}  // namespace bootwright
