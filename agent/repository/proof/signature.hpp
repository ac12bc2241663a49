#pragma once

#include "common/base/error.hpp"
#include "common/processes/process.hpp"

#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <string>

namespace bootwright {

/// Whose signatures count. Either file may be missing; it is needed once a signature of its kind is met.
struct SignatureKeys {
    std::filesystem::path allowed_signers;         ///< ssh-keygen(1), ALLOWED SIGNERS
    std::filesystem::path keyring;                 ///< OpenPGP, binary: what `gpg --export` writes
    std::filesystem::path verifiers = "/usr/bin";  ///< the folder of ssh-keygen and gpgv
};

/// Verifies a signed commit or tag with ssh-keygen or gpgv, as git does. Only the signature's first line is read here.
/// An SSH key must be allowed for the namespace "git" and at `signed_at`. An OpenPGP key must not be revoked, and not
/// have expired when it signed; its signature must not have expired.
/// @param signature as it stands in the commit or tag
/// @param payload the commit or tag without its signature
/// @param signed_at seconds since 1970: the committer's or tagger's date
/// @param what for errors: "commit abc"
/// @param folder a folder that nobody else may enter (0700), for the signature's file
/// @returns the signer, fit to be shown: the SSH key's principal, the OpenPGP key's user id and fingerprint
/// @throws Error repository.signature_untrusted, repository.verifier_missing (permanent), repository.timeout,
/// repository.fetch_crashed, process.cannot_start (transient), stopped, io.*
std::string verify_signature(ProcessRunner& runner, const SignatureKeys& keys, const std::string& signature,
                             const std::string& payload, std::int64_t signed_at, const std::string& what,
                             const std::filesystem::path& folder, std::stop_token stop);

/// The error for a commit or tag that lacks the signature that is asked for.
Error signature_missing(const std::string& what);

}  // namespace bootwright
