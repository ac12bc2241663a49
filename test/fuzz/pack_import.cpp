// A git pack as any server may give it, in pieces of any size, upon a repository that has one of the objects it may lean on.
//
// The first byte says how the rest is to be read: as the pack itself (bit 0), or as a recipe of one. A changed byte of a
// pack is noticed by the checksums of zlib and of the pack at once; a recipe's objects are compressed and summed up here,
// so that what lies behind the checksums is reached. The second byte is the size of the pieces.

#include "common/files/file.hpp"
#include "common/git/git.hpp"
#include "test/fakes/temporary_root.hpp"
#include "test/fuzz/fuzz.hpp"

#include <zlib.h>
#include <boost/uuid/detail/sha1.hpp>

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <vector>

using namespace bootwright;
namespace fs = std::filesystem;

namespace {

enum : std::uint8_t { commit_type = 1, blob_type = 3, offset_delta = 6, reference_delta = 7 };

std::string sha1(const std::string& text) {
    boost::uuids::detail::sha1 hash;
    hash.process_bytes(text.data(), text.size());
    boost::uuids::detail::sha1::digest_type words{};
    hash.get_digest(words);
    std::string digest;
    for (const std::uint32_t word : words) {
        for (const unsigned shift : {24U, 16U, 8U, 0U}) {
            digest += static_cast<char>(word >> shift & 0xFFU);
        }
    }
    return digest;
}

std::string hex(const std::string& bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text;
    for (const char byte : bytes) {
        const auto value = static_cast<std::uint8_t>(byte);
        text += {digits[value >> 4U], digits[value & 15U]};
    }
    return text;
}

std::string deflated(const std::string& text) {
    std::string result(compressBound(static_cast<uLong>(text.size())), '\0');
    auto size = static_cast<uLongf>(result.size());
    compress(reinterpret_cast<Bytef*>(result.data()), &size, reinterpret_cast<const Bytef*>(text.data()),
             static_cast<uLong>(text.size()));
    result.resize(size);
    return result;
}

/// What an object's id is the hash of.
std::string id_of(std::uint8_t type, const std::string& content) {
    constexpr std::array names{"", "commit", "tree", "blob", "tag", "", "", ""};
    return sha1(std::string(names.at(type)) + " " + std::to_string(content.size()) + std::string(1, '\0') + content);
}

/// Writes a pack, well-formed but for what is claimed of it (https://git-scm.com/docs/gitformat-pack).
class PackWriter {
public:
    void add(std::uint8_t type, std::uint64_t claimed_size, const std::string& leaning_on, const std::string& content) {
        starts_.push_back(12 + objects_.size());
        ids_.push_back(id_of(type, content));
        if (type == commit_type) {
            commits_.push_back(hex(ids_.back()));
        }
        auto byte = unsigned{type} << 4U | static_cast<unsigned>(claimed_size & 15U);
        for (std::uint64_t rest = claimed_size >> 4U; rest > 0; rest >>= 7U) {
            objects_ += static_cast<char>(byte | 0x80U);
            byte = rest & 0x7FU;
        }
        objects_ += static_cast<char>(byte);
        objects_ += leaning_on + deflated(content);
    }

    /// How far back the object lies, in the encoding of an offset delta.
    [[nodiscard]] std::string distance_to(std::size_t object) const {
        const std::size_t start = starts_.empty() ? 0 : starts_[object % starts_.size()];
        std::size_t distance = 12 + objects_.size() - start;
        std::string bytes(1, static_cast<char>(distance & 0x7FU));
        while ((distance >>= 7U) > 0) {
            bytes.insert(0, 1, static_cast<char>(0x80U | (--distance & 0x7FU)));
        }
        return bytes;
    }

    [[nodiscard]] const std::vector<std::string>& ids() const { return ids_; }
    [[nodiscard]] const std::vector<std::string>& commits() const { return commits_; }

    [[nodiscard]] std::string pack(std::size_t more_objects) const {
        std::string text = "PACK" + std::string("\0\0\0\2\0\0", 6);
        const std::size_t count = starts_.size() + more_objects;
        text += {static_cast<char>(count >> 8U & 0xFFU), static_cast<char>(count & 0xFFU)};
        text += objects_;
        return text + sha1(text);
    }

private:
    std::string objects_{};
    std::vector<std::size_t> starts_{};
    std::vector<std::string> ids_{};
    std::vector<std::string> commits_{};
};

/// What a thin pack may lean on: a blob of the repository.
const std::string& base_content() {
    static const std::string content = [] {
        std::string text;
        for (int i = 1; i <= 200; ++i) {
            text += std::to_string(i) + "\n";
        }
        return text;
    }();
    return content;
}

/// Reads a recipe byte by byte; zeroes follow its end.
struct Recipe {
    std::string_view rest;

    std::uint8_t byte() {
        if (rest.empty()) {
            return 0;
        }
        const auto value = static_cast<std::uint8_t>(rest.front());
        rest.remove_prefix(1);
        return value;
    }
    std::string text(std::size_t size) {
        const std::string result(rest.substr(0, size));
        rest.remove_prefix(result.size());
        return result;
    }
};

/// For each object: its type, and whether it lies about its size (bit 3); what it leans on; its size, and its content.
PackWriter written(Recipe& recipe) {
    constexpr std::size_t most_objects = 300;
    PackWriter writer;
    while (!recipe.rest.empty() && writer.ids().size() < most_objects) {
        const std::uint8_t head = recipe.byte();
        const std::uint8_t type = head & 7U;
        std::string leaning_on;
        if (type == offset_delta) {
            leaning_on = writer.distance_to(recipe.byte());
        } else if (type == reference_delta) {
            const std::uint8_t which = recipe.byte();
            leaning_on = which < writer.ids().size() ? writer.ids()[which] : id_of(blob_type, base_content());
        }
        const std::uint8_t low = recipe.byte();
        const std::string content = recipe.text(low | std::size_t{recipe.byte()} << 8U);
        std::uint64_t claimed = content.size();
        if ((head & 8U) != 0) {
            const std::uint8_t value = recipe.byte();
            claimed = std::uint64_t{value} << (recipe.byte() & 63U);
        }
        writer.add(type, claimed, leaning_on, content);
    }
    return writer;
}

void import_into(const GitRepository& repository, std::string_view pack, std::size_t step) {
    GitPackImport import(repository, [](std::string_view, std::uint64_t, std::uint64_t) {});
    for (std::size_t at = 0; at < pack.size(); at += step) {
        import.append(pack.substr(at, step));
    }
    import.finish();
}

/// A repository of the one blob, for all runs.
const fs::path& base_repository() {
    static const GitLibrary library;
    static const TemporaryRoot root;
    static const fs::path folder = [] {
        PackWriter writer;
        writer.add(blob_type, base_content().size(), "", base_content());
        import_into(GitRepository::open_or_create(root.path() / "base.git"), writer.pack(0), 1000);
        return root.path() / "base.git";
    }();
    return folder;
}

/// What is wrong with it. A pack of few bytes may claim, or unpack to, more than the memory that is allowed.
bool is_fault_of_pack(const Error& error) {
    return (error.kind == ErrorKind::transient && error.code == "git.pack_damaged") ||
           (error.kind == ErrorKind::permanent && error.code == "git.too_much_memory");
}

/// True if the pack was taken. Whatever a stranger sends, it is his pack that is damaged, and never what is on the disk.
bool is_taken(const fs::path& folder, std::string_view pack, std::size_t step,
              const std::vector<std::string>& commits) {
    bool taken = false;
    const GitRepository repository = GitRepository::open_or_create(folder, {base_repository()});
    fuzz(
        [&] {
            import_into(repository, pack, step);
            taken = true;
        },
        is_fault_of_pack);
    require(taken || fs::is_empty(folder / "objects/pack"), "a refused pack left something behind", folder.native());
    require(!fs::exists(folder / "incoming"), "an import left its folder behind", folder.native());
    for (const std::string& commit : commits) {
        fuzz([&] { return repository.has_commit(commit) && repository.is_complete(commit); },
             [](const Error& error) { return error.code.starts_with("git."); });
    }
    return taken;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 3) {
        return 0;
    }
    base_repository();
    const std::string_view rest(reinterpret_cast<const char*>(data) + 2, size - 2);
    std::string pack(rest);
    std::vector<std::string> commits;
    if ((data[0] & 1U) == 0) {
        Recipe recipe{rest};
        const PackWriter writer = written(recipe);
        pack = writer.pack(data[0] >> 7U);
        commits = writer.commits();
    }
    // The same, whether it comes at once or in pieces.
    const TemporaryRoot root;
    const bool whole = is_taken(root.path() / "whole.git", pack, pack.size(), commits);
    const bool pieces = is_taken(root.path() / "pieces.git", pack, std::size_t{data[1]} * 4 + 1, commits);
    require(whole == pieces, "an outcome that depends on the pieces", pack);
    return 0;
}
