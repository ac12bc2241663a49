#include "agent/record/past_contents.hpp"

#include "agent/platform/instance_metadata.hpp"
#include "common/base/encoding.hpp"
#include "common/base/error.hpp"
#include "common/base/sha256.hpp"
#include "common/base/text.hpp"
#include "common/files/file.hpp"

#include <sys/random.h>

#include <array>
#include <cerrno>
#include <set>
#include <system_error>

namespace bootwright {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t largest_file = std::size_t{64} << 20U;
constexpr std::size_t largest_document = std::size_t{512} << 20U;

fs::path folder(const System& system) { return system.state() / "past"; }
fs::path file_of(const System& system, const std::string& name) { return folder(system) / (name + ".json.gz"); }

/// What makes a digest of a short secret useless to whoever sees it elsewhere. A new one if it is lost: then secrets seem to
/// have changed once.
std::string salt_of(const System& system) {
    const fs::path file = folder(system) / "salt";
    std::string salt = read_or_empty(file, 64);
    if (salt.size() == 64) {
        return salt;
    }
    std::array<char, 32> bytes{};
    if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
        throw system_call_error("read", "random bytes", errno);
    }
    salt = sha256_hex({bytes.data(), bytes.size()});
    write_file(file, salt, 0600);
    return salt;
}

// NOLINTNEXTLINE(misc-no-recursion): it goes no deeper than parse_json() lets through
void replace_secrets(Json& json, bool is_secret, const std::string& salt) {
    if (json.is_structured()) {
        for (auto& [key, value] : json.items()) {
            const bool may_be_secret = json.is_object() && (is_secret_name(key) || key == "data");
            replace_secrets(value, is_secret || may_be_secret, salt);
        }
    } else if (is_secret && !json.is_null()) {
        constexpr std::size_t digits = 16;
        json = "digest:" + sha256_hex(salt + to_line(json)).substr(0, digits);
    }
}

struct Kept {
    fs::path path;
    std::string name;
    std::uint64_t bytes = 0;
};

std::vector<Kept> all_kept(const System& system) {
    std::vector<Kept> all;
    std::error_code error;
    for (fs::directory_iterator at(folder(system), error), end; !error && at != end; at.increment(error)) {
        const std::string file = at->path().filename();
        std::error_code gone;
        const std::uintmax_t size = at->file_size(gone);
        if (!gone && file.ends_with(".json.gz")) {
            all.push_back({at->path(), file.substr(0, file.find('.')), size});
        }
    }
    return all;
}

}  // namespace

std::string keep_document(const System& system, const Json& document) {
    make_folder(folder(system), 0700);
    Json shown = document;
    replace_secrets(shown, false, salt_of(system));
    return keep_as_it_is(system, shown);
}

std::string keep_as_it_is(const System& system, const Json& document) {
    make_folder(folder(system), 0700);
    const std::string packed = compress_gzip(to_line(document));
    const std::string name = sha256_hex(packed);
    if (!fs::exists(file_of(system, name))) {
        write_file(file_of(system, name), packed, 0600);
    }
    return name;
}

std::string keep_packed(const System& system, const fs::path& file) {
    const auto packed = read_file_if_exists(file, largest_file);
    if (!packed) {
        return "";
    }
    make_folder(folder(system), 0700);
    const std::string name = sha256_hex(*packed);
    const fs::path kept = file_of(system, name);
    std::error_code error;
    if (!fs::exists(kept)) {
        fs::create_hard_link(file, kept, error);
    } else if (!fs::equivalent(file, kept, error)) {
        const fs::path link = fs::path(file).concat(".link");
        remove_tree(link);
        fs::create_hard_link(kept, link, error);
        if (!error) {
            fs::rename(link, file, error);
        }
    }
    if (error) {
        throw system_call_error("keep", kept.string(), error.value());
    }
    return name;
}

std::optional<Json> read_kept(const System& system, const std::string& name) {
    if (!is_sha256(name)) {
        return std::nullopt;
    }
    const std::string packed = read_or_empty(file_of(system, name), largest_file);
    const auto text = sha256_hex(packed) == name ? decompress_gzip(packed, largest_document) : std::nullopt;
    Json document = parse_json(text.value_or(""));
    return document.is_discarded() ? std::nullopt : std::optional(std::move(document));
}

bool is_kept(const System& system, const std::string& name) {
    std::error_code error;
    return is_sha256(name) && fs::exists(file_of(system, name), error);
}

std::uint64_t kept_bytes(const System& system) {
    std::uint64_t bytes = 0;
    for (const Kept& one : all_kept(system)) {
        bytes += one.bytes;
    }
    return bytes;
}

void thin_out(const System& system, const std::vector<std::string>& names, std::uint64_t most_bytes) {
    std::set<std::string> wanted;
    std::uint64_t bytes = 0;
    for (const std::string& name : names) {
        std::error_code gone;
        const std::uintmax_t size = is_sha256(name) ? fs::file_size(file_of(system, name), gone) : 0;
        if (!gone && !wanted.contains(name) && bytes + size <= most_bytes) {
            bytes += size;
            wanted.insert(name);
        }
    }
    for (const Kept& one : all_kept(system)) {
        if (!wanted.contains(one.name)) {
            remove_tree(one.path);
        }
    }
}

}  // namespace bootwright
