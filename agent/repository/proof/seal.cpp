#include "agent/repository/proof/seal.hpp"

#include "common/base/text.hpp"
#include "common/documents/json.hpp"
#include "common/files/file.hpp"

namespace bootwright {

namespace fs = std::filesystem;

fs::path seal_of(const fs::path& checkout) { return checkout.string() + ".seal"; }

std::optional<Seal> read_seal(const fs::path& checkout) {
    constexpr std::size_t largest = std::size_t{1} << 20U;
    const Json json = parse_json(read_or_empty(seal_of(checkout), largest));
    if (!json.is_object()) {
        return std::nullopt;  // what cannot be read proves nothing; the checkout is proven again
    }
    Seal seal{number_at(json, "fingerprint"), string_at(json, "policy"), string_at(json, "signer")};
    if (const auto commits = json.find("commits"); commits != json.end() && commits->is_array()) {
        for (const Json& commit : *commits) {
            seal.commits.push_back({string_at(commit, "repository"), string_at(commit, "commit")});
        }
    }
    seal.not_before = string_at(json, "not_before");
    seal.words = commit_words_from_json(member_at(json, "words"));
    return seal;
}

void write_seal(const fs::path& checkout, const Seal& seal) {
    Json commits = Json::array();
    for (const SealedCommit& commit : seal.commits) {
        commits.push_back({{"repository", commit.repository}, {"commit", commit.commit}});
    }
    const Json json{{"fingerprint", seal.fingerprint}, {"policy", seal.policy},
                    {"signer", seal.signer},           {"commits", commits},
                    {"not_before", seal.not_before},   {"words", to_json(seal.words)}};
    if (fs::is_directory(fs::symlink_status(seal_of(checkout)))) {
        remove_tree(seal_of(checkout));  // no file replaces a folder
    }
    write_file(seal_of(checkout), to_text(json), 0600);
}

}  // namespace bootwright
