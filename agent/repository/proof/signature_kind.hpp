#pragma once

#include "agent/repository/proof/signature.hpp"
#include "common/base/registered.hpp"
#include "common/processes/process.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace bootwright {

/// The program that verifies a kind of signature, and the keys that it trusts.
struct Verifier {
    std::filesystem::path program;
    std::string package;
    std::filesystem::path keys;
    std::string keys_are;  ///< what must be in the file of keys
};

/// What a verifier answered.
struct VerifierAnswer {
    int exit_code = -1;
    std::vector<std::string> lines{};
    bool is_cut = false;   ///< there were more lines
    std::string errors{};  ///< standard error in one line, cut
};

/// Runs a verifier, and keeps what it says up to a limit.
class VerifierCaller {
public:
    VerifierCaller(ProcessRunner& runner, std::string what, const std::filesystem::path& folder, std::stop_token stop)
        : runner_(runner), what_(std::move(what)), folder_(folder), stop_(std::move(stop)) {}

    /// @throws Error repository.timeout, repository.fetch_crashed, process.cannot_start (transient), stopped
    [[nodiscard]] VerifierAnswer call(std::vector<std::string> arguments, const std::string& input) const;

private:
    void check_ended(const ProcessResult& result, const std::string& program) const;

    ProcessRunner& runner_;
    std::string what_;
    const std::filesystem::path& folder_;
    std::stop_token stop_;
};

/// A signed commit or tag.
struct Signed {
    std::string file;        ///< where its signature stands
    std::string payload;     ///< the commit or tag without it
    std::int64_t signed_at;  ///< seconds since 1970
    std::string what;        ///< for errors: "commit abc"
};

/// A kind of signature that git makes. One file each, which registers it.
struct SignatureKind {
    std::string_view called;      ///< for errors: "an SSH signature"
    std::string_view first_line;  ///< with its line end
    Verifier (*verifier)(const SignatureKeys& keys);
    /// Returns the signer. @throws Error repository.signature_untrusted
    std::string (*verify)(const VerifierCaller& caller, const Verifier& verifier, const Signed& object);
};

// What the kinds share.

constexpr std::size_t longest_signer = 200;

/// @throws Error repository.signature_untrusted (permanent)
[[noreturn]] void distrust(const std::string& what, const std::string& why);

/// A verifier's own words, to end a sentence: " (gpgv: no such key)", or "".
std::string in_its_words(const std::string& program, const VerifierAnswer& answer);

}  // namespace bootwright
