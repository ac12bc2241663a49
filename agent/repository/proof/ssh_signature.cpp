// SSH signatures, verified by ssh-keygen. Source: ssh-keygen(1), "-Y verify" and ALLOWED SIGNERS.

#include "agent/repository/proof/signature_kind.hpp"
#include "common/base/text.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <optional>

namespace bootwright {

namespace {

constexpr std::size_t most_principals = 16;

/// "20261122213132Z", as ssh-keygen wants it; the Z (UTC) is known since OpenSSH 9.1. Returns nullopt if it is no date.
std::optional<std::string> verify_time(std::int64_t signed_at) {
    constexpr std::int64_t end_of_9999 = 253402300799;
    if (signed_at < 0 || signed_at > end_of_9999) {
        return std::nullopt;
    }
    const std::chrono::sys_seconds time{std::chrono::seconds(signed_at)};
    const auto day = std::chrono::floor<std::chrono::days>(time);
    const std::chrono::year_month_day date(day);
    const std::chrono::hh_mm_ss clock(time - day);
    std::array<char, 32> text{};
    static_cast<void>(std::snprintf(
        text.data(), text.size(), "%04d%02u%02u%02d%02d%02dZ", static_cast<int>(date.year()),
        static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), static_cast<int>(clock.hours().count()),
        static_cast<int>(clock.minutes().count()), static_cast<int>(clock.seconds().count())));
    return text.data();
}

/// "ED25519 key SHA256:…", from "Good "git" signature with ED25519 key SHA256:…"
std::string key_of(const VerifierAnswer& check) {
    const std::string line = check.lines.empty() ? "" : check.lines.front();
    const std::size_t with = line.rfind(" with ");
    return with == std::string::npos ? "key" : shortened(line.substr(with + 6), longest_signer);
}

/// As git does it (gpg-interface.c, verify_ssh_signed_buffer): who may have signed with this key, then whether one of them
/// did. ssh-keygen prints the principals of the first line that has the key, which may be patterns; a pattern matches itself.
std::string verify(const VerifierCaller& caller, const Verifier& verifier, const Signed& object) {
    const auto& [file, payload, signed_at, what] = object;
    const auto time = verify_time(signed_at);
    if (!time) {
        distrust(what, "its date is out of range");
    }
    const std::string program = verifier.program.string();
    const std::string keys = verifier.keys.string();
    const std::string at = "-Overify-time=" + *time;
    const VerifierAnswer found = caller.call({program, "-Y", "find-principals", "-f", keys, "-s", file, at}, "");
    if (found.exit_code != 0) {
        const VerifierAnswer key = caller.call({program, "-Y", "check-novalidate", "-n", "git", "-s", file}, payload);
        distrust(what, key.exit_code == 0 ? "no line of " + keys + " allows its " + key_of(key) + " at " + *time +
                                                in_its_words("ssh-keygen", found)
                                          : "it is damaged, or of other content" + in_its_words("ssh-keygen", key));
    }
    VerifierAnswer last;
    for (std::size_t i = 0; i < std::min(found.lines.size(), most_principals); ++i) {
        const std::string& principal = found.lines[i];
        if (principal.empty() || principal.front() == '!') {
            continue;  // an exception from the patterns beside it
        }
        last =
            caller.call({program, "-Y", "verify", "-f", keys, "-I", principal, "-n", "git", "-s", file, at}, payload);
        if (last.exit_code == 0) {
            return principal;
        }
    }
    distrust(what, "its key is in " + keys + ", but it is damaged, of other content, or not allowed for git" +
                       in_its_words("ssh-keygen", last));
}

const SignatureKind kind{.called = "SSH",
                         .first_line = "-----BEGIN SSH SIGNATURE-----\n",
                         .verifier =
                             [](const SignatureKeys& keys) {
                                 return Verifier{
                                     keys.verifiers / "ssh-keygen", "openssh-client", keys.allowed_signers,
                                     "the signers' public keys, a line each: `NAME namespaces=\"git\" ssh-ed25519 …`,"};
                             },
                         .verify = verify};
const Registered<SignatureKind> registered(kind);

}  // namespace

}  // namespace bootwright
