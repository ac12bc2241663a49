#include "agent/repository/proof/gpgv_status.hpp"

#include "common/base/text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>
#include <system_error>

namespace bootwright {

namespace {

constexpr std::array<std::string_view, 6> verdict_words{"GOODSIG",   "BADSIG",    "ERRSIG",
                                                        "EXPKEYSIG", "REVKEYSIG", "EXPSIG"};

std::optional<std::int64_t> to_number(const std::string& text) {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    const bool is_number = error == std::errc() && end == text.data() + text.size();
    return is_number ? std::optional(number) : std::nullopt;
}

/// "VALIDSIG FINGERPRINT DATE SIGNED-AT EXPIRES VERSION RESERVED KEY-ALGORITHM HASH CLASS [PRIMARY]"
void read_valid(const std::vector<std::string>& words, GpgvStatus& status) {
    constexpr std::size_t least = 10;
    ++status.valid;
    if (words.size() >= least) {
        status.fingerprint = words.size() > least ? words[10] : words[1];
        status.signed_at = to_number(words[3]);
        status.hash = to_number(words[8]);
    }
}

void read_words(const std::vector<std::string>& words, GpgvStatus& status) {
    if (std::find(verdict_words.begin(), verdict_words.end(), words[0]) != verdict_words.end()) {
        status.verdicts.push_back(words[0]);
        for (std::size_t i = 2; i < words.size(); ++i) {
            status.user_id += (i == 2 ? "" : " ") + words[i];
        }
    } else if (words[0] == "NEWSIG") {
        ++status.signatures;
    } else if (words[0] == "VALIDSIG") {
        read_valid(words, status);
    } else if (words[0] == "KEYEXPIRED" && words.size() > 1) {
        status.key_expired_at.push_back(to_number(words[1]));
    }
}

/// For a key that has expired by now: true if it had not when it signed. gpgv does not say which subkeys the dates
/// belong to: the earliest counts.
bool was_valid_when_signing(const GpgvStatus& status) {
    return status.signed_at && !status.key_expired_at.empty() &&
           std::all_of(status.key_expired_at.begin(), status.key_expired_at.end(),
                       [&](const auto& expired) { return expired && *status.signed_at < *expired; });
}

/// SHA-2 and SHA-3 (RFC 9580, 9.5). Two contents of one SHA-1 can be made (https://sha-mbles.github.io), let alone of one MD5.
bool is_strong_hash(std::int64_t number) {
    constexpr std::array<std::int64_t, 6> strong{8, 9, 10, 11, 12, 14};
    return std::find(strong.begin(), strong.end(), number) != strong.end();
}

std::string name_of_hash(std::int64_t number) {
    switch (number) {
        case 1: return "MD5";
        case 2: return "SHA-1";
        case 3: return "RIPEMD-160";
        default: return "hash " + std::to_string(number);
    }
}

}  // namespace

GpgvStatus read_gpgv_status(const std::vector<std::string>& lines) {
    constexpr std::string_view prefix = "[GNUPG:] ";
    GpgvStatus status;
    for (const std::string& line : lines) {
        if (line.starts_with(prefix)) {
            read_words(split(std::string_view(line).substr(prefix.size()), ' '), status);
        }
    }
    return status;
}

std::optional<std::string> why_no_proof(const GpgvStatus& status, int exit_code, const std::string& keyring) {
    if (status.signatures > 1 || status.verdicts.size() > 1 || status.valid > 1) {
        return "there are several signatures in one";
    }
    const std::string verdict = status.verdicts.empty() ? "" : status.verdicts.front();
    if (verdict == "BADSIG") return "it is not of this content, though it names a key of " + keyring;
    if (verdict == "REVKEYSIG") return "its key was revoked";
    if (verdict == "EXPSIG") return "it has expired itself";
    if (verdict == "EXPKEYSIG" && !was_valid_when_signing(status)) {
        return "its key, or another subkey of it, had expired when it was made";
    }
    if (verdict == "ERRSIG") return "its key is not in " + keyring + ", or of a kind that gpgv does not know";
    if (verdict.empty() || status.fingerprint.empty()) return "it is damaged, or no detached signature";
    if (!status.hash || !is_strong_hash(*status.hash)) {
        return "it is over " + (status.hash ? name_of_hash(*status.hash) : "an unknown hash") +
               ", which can be forged: sign anew with `personal-digest-preferences SHA512` in gpg.conf";
    }
    if (exit_code != 0) return "gpgv ended with status " + std::to_string(exit_code);
    return std::nullopt;
}

}  // namespace bootwright
