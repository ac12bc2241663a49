#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace bootwright {

/// What gpgv says of a signature in its status lines ("[GNUPG:] WORD …").
/// Source: https://github.com/gpg/gnupg/blob/master/doc/DETAILS, "Format of the --status-fd output".
struct GpgvStatus {
    int signatures = 0;                   ///< NEWSIG: the number that it began to look at
    std::vector<std::string> verdicts{};  ///< GOODSIG, BADSIG, …: one a signature
    int valid = 0;                        ///< VALIDSIG: the number made by a key of the ring, over this content
    std::string user_id{};
    std::string fingerprint{};                                  ///< of the primary key, also if a subkey signed
    std::optional<std::int64_t> hash{};                         ///< the hash algorithm's number (RFC 9580, 9.5)
    std::optional<std::int64_t> signed_at{};                    ///< from within the signature, seconds since 1970
    std::vector<std::optional<std::int64_t>> key_expired_at{};  ///< of the key, and also of its other subkeys
};

/// Reads any lines; skips those that are not gpgv's.
GpgvStatus read_gpgv_status(const std::vector<std::string>& lines);

/// Why the status is no proof. Returns nullopt if it is one: of exactly one signature, good, by a key that is not
/// revoked and had not expired when it signed, over a hash that nobody can forge. gpgv's exit status is 0 also for a
/// revoked or expired key, so status and exit code both count.
/// @param keyring for the reason: the file of keys
std::optional<std::string> why_no_proof(const GpgvStatus& status, int exit_code, const std::string& keyring);

}  // namespace bootwright
