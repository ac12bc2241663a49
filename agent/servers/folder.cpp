#include "agent/servers/folder.hpp"

#include "common/base/encoding.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/files/file.hpp"
#include "common/net/url.hpp"
#include "common/sandbox/user.hpp"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <iostream>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace bootwright {

namespace fs = std::filesystem;

namespace {

constexpr const char* partial_folder = "partial";
constexpr const char* tag_suffix = ".etag";
constexpr std::size_t largest_tag = 1024;

/// Nobody who cannot list the folder can guess it.
std::string random_name() {
    std::uint64_t number = 0;
    if (getrandom(&number, sizeof number, 0) != static_cast<ssize_t>(sizeof number)) {
        throw system_call_error("get", "random numbers", errno);
    }
    return hex_of(number);
}

/// The snapshot's name in the name of a folder, or "".
std::string snapshot_of(const fs::path& folder) {
    const std::string name = folder.filename().string();
    const std::string snapshot = name.substr(0, std::min(name.find('.'), name.size()));
    return snapshot.size() > 40 && snapshot[40] == '-' && is_commit_id(snapshot.substr(0, 40)) ? snapshot : "";
}

std::vector<fs::path> entries_of(const fs::path& folder) {
    std::vector<fs::path> entries;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder, error)) {
        entries.push_back(entry.path());
    }
    return entries;
}

/// The size of a regular file. Returns nullopt if it is something else, or too large.
std::optional<std::uint64_t> size_of(const UniqueFd& file) {
    struct stat status {};
    if (!file || fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode) || status.st_nlink != 1) {
        return std::nullopt;
    }
    return static_cast<std::uint64_t>(status.st_size);
}

UniqueFd open_plain(const fs::path& path) {
    return UniqueFd(open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
}

/// What the server calls the file (its ETag). Without it no download can be resumed.
std::string read_tag(const fs::path& path) {
    const UniqueFd file = open_plain(path);
    const auto size = size_of(file);
    const std::string tag = size && *size <= largest_tag ? read_open_file(file, path, largest_tag) : "";
    return tag.starts_with('"') && printable(tag) == tag ? tag : "";
}

void remove_partial(const fs::path& partial) {
    remove_tree(partial);
    remove_tree(partial.string() + tag_suffix);
}

/// Removes the largest until the rest is small enough.
void bound(const fs::path& partials) {
    constexpr std::uint64_t most_bytes = std::uint64_t{1} << 30U;
    std::vector<std::pair<std::uint64_t, fs::path>> kept;
    std::uint64_t sum = 0;
    for (const fs::path& entry : entries_of(partials)) {
        if (entry.extension() != tag_suffix) {
            kept.emplace_back(size_of(open_plain(entry)).value_or(0), entry);
            sum += kept.back().first;
        }
    }
    std::sort(kept.begin(), kept.end());
    for (; sum > most_bytes; kept.pop_back()) {
        sum -= kept.back().first;
        remove_partial(kept.back().second);
    }
}

/// The writer was another user, whose processes are dead. Nothing that it left is believed to be what it looks like.
void move_partial(const fs::path& folder, const fs::path& partials, const std::string& snapshot) {
    const std::string tag = read_tag(folder / DownloadFolder::tag_name);
    if (tag.empty()) {
        return;
    }
    make_folder(partials, 0700);
    const fs::path partial = partials / snapshot;
    remove_partial(partial);
    if (rename((folder / DownloadFolder::file_name).c_str(), partial.c_str()) != 0) {
        return;
    }
    if (size_of(open_plain(partial)).value_or(0) == 0) {
        remove_tree(partial);
        return;
    }
    write_file(partial.string() + tag_suffix, tag, 0600);
    bound(partials);
}

/// What cannot be kept is fetched again, so a failure here is no reason to give up.
void keep(const fs::path& folder, const fs::path& partials, const std::string& snapshot) {
    try {
        move_partial(folder, partials, snapshot);
    } catch (const Error& error) {
        std::cerr << "what came of a snapshot is not kept: " << error.message << '\n';
    }
}

void copy(const UniqueFd& from, const fs::path& to) {
    std::array<char, std::size_t{128} << 10U> buffer{};
    FileReplacement file(to, 0600);
    while (const ssize_t count = read(from.get(), buffer.data(), buffer.size())) {
        if (count < 0) {
            throw system_call_error("read what is copied to", to.string(), errno);
        }
        file.append({buffer.data(), static_cast<std::size_t>(count)});
    }
    file.finish();
    give_to_confined(to);
}

/// Copies into a new file, so that whoever still has the old one open cannot change it.
void hand_over(const fs::path& partial, const fs::path& folder) {
    const UniqueFd from = open_plain(partial);
    const std::string tag = read_tag(partial.string() + tag_suffix);
    if (size_of(from) && !tag.empty()) {
        copy(from, folder / DownloadFolder::file_name);
        write_file(folder / DownloadFolder::tag_name, tag, 0600);
        give_to_confined(folder / DownloadFolder::tag_name);
    }
    remove_partial(partial);
}

}  // namespace

DownloadFolder::DownloadFolder(fs::path downloads, std::string snapshot)
    : downloads_(std::move(downloads)), snapshot_(std::move(snapshot)) {
    make_folder(downloads_, 0700);
    if (lchown(downloads_.c_str(), geteuid(), getegid()) != 0) {
        throw system_call_error("change the owner of", downloads_.string(), errno);
    }
    for (const fs::path& entry : entries_of(downloads_)) {
        if (entry.filename() == partial_folder) {
            continue;
        }
        if (const std::string left = snapshot_of(entry); !left.empty()) {
            keep(entry, downloads_ / partial_folder, left);
        }
        remove_tree(entry);
    }
    path_ = downloads_ / (snapshot_.empty() ? random_name() : snapshot_ + "." + random_name());
    make_folder(path_, 0700);
    if (!snapshot_.empty()) {
        hand_over(downloads_ / partial_folder / snapshot_, path_);
    }
    give_to_confined(path_);
}

DownloadFolder::~DownloadFolder() {
    try {
        remove_tree(path_);
    } catch (const Error&) {  // the next one tries again, and says so
        return;
    }
}

void DownloadFolder::keep_partial() const { keep(path_, downloads_ / partial_folder, snapshot_); }

std::string snapshot_name(const std::string& revision, const Url& place) {
    return revision + "-" + hex_of(place.hash_without_credentials());
}

void forget_partials(const fs::path& downloads, const std::string& revision) {
    const fs::path partials = downloads / partial_folder;
    for (const fs::path& entry : entries_of(partials)) {
        if (revision.empty() || !entry.filename().string().starts_with(revision + "-")) {
            remove_tree(entry);
        }
    }
    rmdir(partials.c_str());
}

}  // namespace bootwright
