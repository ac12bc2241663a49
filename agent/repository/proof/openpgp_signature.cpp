// OpenPGP signatures, verified by gpgv. Source: gpgv(1).

#include "agent/repository/proof/gpgv_status.hpp"
#include "agent/repository/proof/signature_kind.hpp"
#include "common/base/text.hpp"

namespace bootwright {

namespace {

std::string verify(const VerifierCaller& caller, const Verifier& verifier, const Signed& object) {
    const std::string& what = object.what;
    const std::string keyring = verifier.keys.string();
    const VerifierAnswer answer = caller.call(
        {verifier.program.string(), "--keyring", keyring, "--status-fd", "1", object.file, "-"}, object.payload);
    if (answer.is_cut) {
        distrust(what, "gpgv says too much of it for one signature");
    }
    const GpgvStatus status = read_gpgv_status(answer.lines);
    if (const auto why = why_no_proof(status, answer.exit_code, keyring)) {
        const bool is_unclear = status.verdicts.empty() || status.verdicts.front() == "ERRSIG";
        distrust(what, *why + (is_unclear ? in_its_words("gpgv", answer) : ""));
    }
    return status.user_id.empty() ? status.fingerprint
                                  : shortened(status.user_id, longest_signer) + " (" + status.fingerprint + ")";
}

const SignatureKind kind{.called = "OpenPGP",
                         .first_line = "-----BEGIN PGP SIGNATURE-----\n",
                         .verifier =
                             [](const SignatureKeys& keys) {
                                 return Verifier{keys.verifiers / "gpgv", "gpgv", keys.keyring,
                                                 "what `gpg --export KEY…` writes (not --armor)"};
                             },
                         .verify = verify};
const Registered<SignatureKind> registered(kind);

}  // namespace

}  // namespace bootwright
