#include "agent/repository/proof/signature.hpp"

#include "agent/repository/proof/gpgv_status.hpp"
#include "common/base/encoding.hpp"
#include "common/base/text.hpp"
#include "common/files/file.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace bootwright {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t largest_signature = std::size_t{64} << 10U;
constexpr std::size_t longest_signer = 200;
constexpr std::size_t longest_reason = 400;
constexpr std::size_t most_lines = 200;  ///< of a verifier's output that are kept
constexpr std::size_t most_principals = 16;
constexpr std::chrono::seconds patience{30};

[[noreturn]] void distrust(const std::string& what, const std::string& why) {
    throw permanent_error(
        "repository.signature_untrusted", "the signature of " + what + " is not trusted: " + why,
        "pin a revision that is signed by a known key, or, if the signer is to be trusted, add the key "
        "to the image's file of signers");
}

struct Verifier {
    fs::path program;
    std::string package;
    fs::path keys;
    std::string keys_are;  ///< what belongs into the file of keys
};

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

struct Answer {
    int exit_code = -1;
    std::vector<std::string> lines{};
    bool is_cut = false;   ///< there were more lines
    std::string errors{};  ///< standard error in one line, cut
};

/// Runs a verifier; what it says is kept up to a limit.
class Caller {
public:
    Caller(ProcessRunner& runner, std::string what, const fs::path& folder, std::stop_token stop)
        : runner_(runner), what_(std::move(what)), folder_(folder), stop_(std::move(stop)) {}

    [[nodiscard]] Answer call(std::vector<std::string> arguments, const std::string& input) const {
        const std::string program = arguments.front();
        const ProcessRequest request{
            .arguments = std::move(arguments),
            .environment = {{"LC_ALL", "C"}, {"HOME", folder_.string()}, {"GNUPGHOME", folder_.string()}},
            .input = input,
            .timeout = patience,
            .ends_family = true};
        Answer answer;
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

private:
    void check_ended(const ProcessResult& result, const std::string& program) const {
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

    ProcessRunner& runner_;
    std::string what_;
    const fs::path& folder_;
    std::stop_token stop_;
};

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

/// "20261122213132Z", as ssh-keygen wants it; the Z (UTC) is known since OpenSSH 9.1. Nothing for what is no date.
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

/// A verifier's own words, to end a sentence.
std::string in_its_words(const std::string& program, const Answer& answer) {
    return answer.errors.empty() ? "" : " (" + program + ": " + answer.errors + ")";
}

/// "ED25519 key SHA256:…", from "Good "git" signature with ED25519 key SHA256:…"
std::string key_of(const Answer& check) {
    const std::string line = check.lines.empty() ? "" : check.lines.front();
    const std::size_t with = line.rfind(" with ");
    return with == std::string::npos ? "key" : shortened(line.substr(with + 6), longest_signer);
}

/// As git does it (gpg-interface.c, verify_ssh_signed_buffer): who may have signed with this key, then whether one of them
/// did. ssh-keygen prints the principals of the first line that has the key, which may be patterns; a pattern matches itself.
std::string verify_ssh(const Caller& caller, const Verifier& verifier, const std::string& file,
                       const std::string& payload, std::int64_t signed_at, const std::string& what) {
    const auto time = verify_time(signed_at);
    if (!time) {
        distrust(what, "its date is out of range");
    }
    const std::string program = verifier.program.string();
    const std::string keys = verifier.keys.string();
    const std::string at = "-Overify-time=" + *time;
    const Answer found = caller.call({program, "-Y", "find-principals", "-f", keys, "-s", file, at}, "");
    if (found.exit_code != 0) {
        const Answer key = caller.call({program, "-Y", "check-novalidate", "-n", "git", "-s", file}, payload);
        distrust(what, key.exit_code == 0 ? "no line of " + keys + " allows its " + key_of(key) + " at " + *time +
                                                in_its_words("ssh-keygen", found)
                                          : "it is damaged, or of other content" + in_its_words("ssh-keygen", key));
    }
    Answer last;
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

std::string verify_openpgp(const Caller& caller, const Verifier& verifier, const std::string& file,
                           const std::string& payload, const std::string& what) {
    const std::string keyring = verifier.keys.string();
    const Answer answer =
        caller.call({verifier.program.string(), "--keyring", keyring, "--status-fd", "1", file, "-"}, payload);
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

}  // namespace

std::string verify_signature(ProcessRunner& runner, const SignatureKeys& keys, const std::string& signature,
                             const std::string& payload, std::int64_t signed_at, const std::string& what,
                             const std::filesystem::path& folder, std::stop_token stop) {
    if (signature.size() > largest_signature) {
        distrust(what, "it is larger than 64 KiB");
    }
    const bool is_ssh = signature.starts_with("-----BEGIN SSH SIGNATURE-----\n");
    if (!is_ssh && !signature.starts_with("-----BEGIN PGP SIGNATURE-----\n")) {
        distrust(what, "it is neither an SSH nor an OpenPGP signature");
    }
    const Verifier verifier =
        is_ssh
            ? Verifier{keys.verifiers / "ssh-keygen", "openssh-client", keys.allowed_signers,
                       "the signers' public keys, a line each: `NAME namespaces=\"git\" ssh-ed25519 …`,"}
            : Verifier{keys.verifiers / "gpgv", "gpgv", keys.keyring, "what `gpg --export KEY…` writes (not --armor)"};
    check_installed(verifier, what);
    const Caller caller(runner, what, folder, std::move(stop));
    const SignatureFile file(folder, signature);
    const std::string signer = is_ssh ? verify_ssh(caller, verifier, file.path(), payload, signed_at, what)
                                      : verify_openpgp(caller, verifier, file.path(), payload, what);
    return printable(shortened(signer, longest_signer + 64));
}

Error signature_missing(const std::string& what) {
    return permanent_error(
        "repository.signature_missing", what + " has no signature, but the image asks for one",
        "sign it (`git commit -S`, `git tag -s`) and pin what is signed, or set repository.verify in "
        "agent.json");
}

}  // namespace bootwright
