#include "agent/repository/seal.hpp"

#include "common/error.hpp"
#include "common/file.hpp"
#include "common/json.hpp"
#include "common/text.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <memory>
#include <utility>

namespace bootwright {

namespace fs = std::filesystem;

namespace {

struct CloseFolder {
    void operator()(DIR* folder) const { closedir(folder); }
};
using FolderHandle = std::unique_ptr<DIR, CloseFolder>;

/// Adds up the entries: a file system need not list a folder in the same order twice.
class Fingerprint {
public:
    explicit Fingerprint(const fs::path& root) : root_(root) {}

    std::uint64_t of_folder() {
        add_folder(AT_FDCWD, root_.c_str(), "");
        return sum_;
    }

private:
    // NOLINTNEXTLINE(misc-no-recursion): as deep as the tree, which was checked out as a whole before
    void add_folder(int parent, const char* name, const std::string& path) {
        const int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        const FolderHandle folder(fd < 0 ? nullptr : fdopendir(fd));
        if (!folder) {
            throw system_call_error("read the folder", (root_ / path).string(), errno);
        }
        while (const dirent* entry = readdir(folder.get())) {
            const std::string_view entry_name = entry->d_name;
            if (entry_name != "." && entry_name != "..") {
                add_entry(fd, entry->d_name, path + "/" + entry->d_name);
            }
        }
    }

    // NOLINTNEXTLINE(misc-no-recursion)
    void add_entry(int folder, const char* name, const std::string& path) {
        struct stat status {};
        if (fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
            throw system_call_error("look at", (root_ / path).string(), errno);
        }
        const auto seen = {
            static_cast<std::uint64_t>(status.st_ino),         static_cast<std::uint64_t>(status.st_size),
            static_cast<std::uint64_t>(status.st_mode),        static_cast<std::uint64_t>(status.st_uid),
            static_cast<std::uint64_t>(status.st_ctim.tv_sec), static_cast<std::uint64_t>(status.st_ctim.tv_nsec)};
        std::string text = path;
        text += '\0';
        for (const std::uint64_t value : seen) {
            text.append(reinterpret_cast<const char*>(&value), sizeof value);
        }
        sum_ += hash_of(text);
        if (S_ISDIR(status.st_mode)) {
            add_folder(folder, name, path);
        }
    }

    fs::path root_;
    std::uint64_t sum_ = 0;
};

}  // namespace

std::uint64_t tree_fingerprint(const fs::path& folder) { return Fingerprint(folder).of_folder(); }

fs::path seal_of(const fs::path& checkout) { return checkout.string() + ".seal"; }

std::optional<Seal> read_seal(const fs::path& checkout) {
    constexpr std::size_t largest = std::size_t{1} << 20U;
    Json json;
    try {
        json = parse_json(read_file_if_exists(seal_of(checkout), largest).value_or(""));
    } catch (const Error&) {
        return std::nullopt;  // what cannot be read proves nothing; the checkout is proven again
    }
    if (!json.is_object()) {
        return std::nullopt;
    }
    Seal seal{number_at(json, "fingerprint"), string_at(json, "policy"), string_at(json, "signer")};
    if (const auto commits = json.find("commits"); commits != json.end() && commits->is_array()) {
        for (const Json& commit : *commits) {
            seal.commits.push_back({string_at(commit, "repository"), string_at(commit, "commit")});
        }
    }
    return seal;
}

void write_seal(const fs::path& checkout, const Seal& seal) {
    Json commits = Json::array();
    for (const SealedCommit& commit : seal.commits) {
        commits.push_back({{"repository", commit.repository}, {"commit", commit.commit}});
    }
    const Json json{
        {"fingerprint", seal.fingerprint}, {"policy", seal.policy}, {"signer", seal.signer}, {"commits", commits}};
    if (fs::is_directory(fs::symlink_status(seal_of(checkout)))) {
        remove_tree(seal_of(checkout));  // no file replaces a folder
    }
    write_file(seal_of(checkout), to_text(json), 0600);
}

}  // namespace bootwright
