#include "agent/repository/proof/signature.hpp"

#include "agent/repository/proof/signature_kind.hpp"
#include "common/base/encoding.hpp"
#include "common/base/text.hpp"
#include "common/files/file.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <system_error>
#include <utility>
#include <vector>

namespace bootwright {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t largest_signature = std::size_t{64} << 10U;

void check_installed(const Verifier& verifier, const std::string& what) {
    if (access(verifier.program.c_str(), X_OK) != 0) {
        throw permanent_error(
            "repository.verifier_missing",
            "the signature of " + what + " cannot be verified: there is no " + verifier.program.string(),
            "install the package " + verifier.package + " in the image");
    }
    if (access(verifier.keys.c_str(), R_OK) != 0) {
        throw permanent_error(
            "repository.verifier_missing",
            "the signature of " + what + " cannot be verified: the file " + verifier.keys.string() + " cannot be read",
            "put " + verifier.keys_are + " there");
    }
}

/// The signature in a file of its own, which the destructor removes.
class SignatureFile {
public:
    SignatureFile(const fs::path& folder, const std::string& signature) : path_(folder / "signature") {
        write_file(path_, signature, 0600);
    }
    SignatureFile(const SignatureFile&) = delete;
    SignatureFile& operator=(const SignatureFile&) = delete;
    ~SignatureFile() {
        std::error_code error;
        fs::remove(path_, error);
    }
    [[nodiscard]] std::string path() const { return path_.string(); }

private:
    fs::path path_;
};

std::string names_of(const std::vector<const SignatureKind*>& kinds) {
    std::vector<std::string> names;
    names.reserve(kinds.size());
    for (const SignatureKind* kind : kinds) {
        names.emplace_back(kind->called);
    }
    std::sort(names.begin(), names.end());
    return joined(names, ", ");
}

}  // namespace

std::string verify_signature(ProcessRunner& runner, const SignatureKeys& keys, const std::string& signature,
                             const std::string& payload, std::int64_t signed_at, const std::string& what,
                             const std::filesystem::path& folder, std::stop_token stop) {
    if (signature.size() > largest_signature) {
        distrust(what, "it is larger than 64 KiB");
    }
    const auto& kinds = Registered<SignatureKind>::all();
    const auto kind = std::find_if(kinds.begin(), kinds.end(),
                                   [&](const SignatureKind* one) { return signature.starts_with(one->first_line); });
    if (kind == kinds.end()) {
        distrust(what, "it is none of a known kind: " + names_of(kinds));
    }
    const Verifier verifier = (*kind)->verifier(keys);
    check_installed(verifier, what);
    const VerifierCaller caller(runner, what, folder, std::move(stop));
    const SignatureFile file(folder, signature);
    const std::string signer = (*kind)->verify(caller, verifier, {file.path(), payload, signed_at, what});
    return printable(shortened(signer, longest_signer + 64));
}

Error signature_missing(const std::string& what) {
    return permanent_error(
        "repository.signature_missing", what + " has no signature, but the image asks for one",
        "sign it (`git commit -S`, `git tag -s`) and pin what is signed, or set repository.verify in "
        "agent.json");
}

}  // namespace bootwright
