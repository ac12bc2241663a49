#include "agent/repository/proof/signature.hpp"

#include "agent/repository/proof/signature_kind.hpp"
#include "common/base/encoding.hpp"
#include "common/base/text.hpp"
#include "common/files/file.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace bootwright {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t largest_signature = std::size_t{64} << 10U;
constexpr std::size_t longest_reason = 400;
constexpr std::size_t most_lines = 200;  ///< of a verifier's output that are kept
constexpr std::chrono::seconds patience{30};

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

/// The signature in a file of its own, which goes again.
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

void distrust(const std::string& what, const std::string& why) {
    throw permanent_error(
        "repository.signature_untrusted", "the signature of " + what + " is not trusted: " + why,
        "pin a revision that is signed by a known key, or, if the signer is to be trusted, add the key "
        "to the image's file of signers");
}

std::string in_its_words(const std::string& program, const VerifierAnswer& answer) {
    return answer.errors.empty() ? "" : " (" + program + ": " + answer.errors + ")";
}

VerifierAnswer VerifierCaller::call(std::vector<std::string> arguments, const std::string& input) const {
    const std::string program = arguments.front();
    const ProcessRequest request{
        .arguments = std::move(arguments),
        .environment = {{"LC_ALL", "C"}, {"HOME", folder_.string()}, {"GNUPGHOME", folder_.string()}},
        .input = input,
        .timeout = patience,
        .ends_family = true};
    VerifierAnswer answer;
    const ProcessEvents events{.line =
                                   [&](std::string_view line) {
                                       if (answer.lines.size() < most_lines) {
                                           answer.lines.emplace_back(line);
                                       } else {
                                           answer.is_cut = true;
                                       }
                                   },
                               .error_line =
                                   [&](std::string_view line) {
                                       if (answer.errors.size() < longest_reason) {
                                           answer.errors += answer.errors.empty() ? "" : "; ";
                                           answer.errors += shortened(trimmed(line), longest_reason);
                                       }
                                   }};
    const ProcessResult result = runner_.run(request, events, stop_);
    check_ended(result, program);
    answer.exit_code = result.exit_code;
    return answer;
}

void VerifierCaller::check_ended(const ProcessResult& result, const std::string& program) const {
    using End = ProcessResult::End;
    if (result.end == End::stopped) {
        throw stopped_error();
    }
    if (result.end == End::killed_by_signal) {
        throw transient_error("repository.fetch_crashed",
                              program + " was killed by signal " + std::to_string(result.signal) +
                                  " while it verified the signature of " + what_,
                              "check that memory is free, and that the program's package is up to date");
    }
    if (result.end != End::exited) {
        throw transient_error("repository.timeout",
                              program + " did not verify the signature of " + what_ + " within 30 s",
                              "check what else loads the machine");
    }
}

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
