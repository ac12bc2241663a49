#include "agent/repository/proof/signature.hpp"

#include "test/fakes/errors.hpp"
#include "test/fakes/fake_processes.hpp"
#include "test/fakes/git_program.hpp"
#include "test/fakes/temporary_root.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <filesystem>

using namespace bootwright;
namespace fs = std::filesystem;

namespace {

constexpr std::int64_t in_june_2026 = 1781000000;

/// Keys and signatures, made once by the true programs: this takes most of the time of the tests here.
struct Signed {
    TemporaryRoot root{};

    Signed() {
        root.write("/payload", payload);
        root.write("/other", "other\n");
        shell_with_git(root.path(), R"sh(
            ssh-keygen -q -t ed25519 -N '' -C 'a key; [GNUPG:] GOODSIG' -f key
            ssh-keygen -q -t ed25519 -N '' -f stranger
            ssh-keygen -q -Y sign -n git -f key <payload >ssh.sig
            ssh-keygen -q -Y sign -n file -f key <payload >ssh-file.sig
            ssh-keygen -q -t ed25519 -N '' -f authority
            ssh-keygen -q -s authority -I id -n carol@example.com key.pub
            ssh-keygen -q -Y sign -n git -f key-cert.pub <payload >ssh-cert.sig
            mkdir -m 700 gnupg
            export GNUPGHOME=$PWD/gnupg
            g() { gpg -q --batch --no-tty --pinentry-mode loopback --passphrase '' "$@"; }
            fingerprint() { gpg --list-keys --with-colons "$1" | sed -n 's/^fpr:*\([0-9A-F]*\):/\1/p'; }
            sign() { g --armor --detach-sign -u "$@" payload; }
            then=--faked-system-time
            g $then 20200101T000000 --quick-gen-key 'Ann <ann@example.com>' ed25519 sign never
            g $then 20200101T000000 --quick-gen-key 'Old <old@example.com>' ed25519 sign never
            g $then 20200101T000000 --quick-gen-key 'Rev <rev@example.com>' ed25519 sign never
            sign ann -o gpg.asc
            sign ann -o expired.asc --default-sig-expire 1d $then 20200601T000000
            g --armor --sign -u ann -o inline payload
            sed 's/PGP MESSAGE/PGP SIGNATURE/' inline >inline.asc
            g --detach-sign -u ann -o one payload
            cat one one | gpg --batch --enarmor 2>/dev/null | sed 's/ARMORED FILE/SIGNATURE/' >two.asc
            sign old -o old-before.asc $then 20200601T000000
            sign old -o old-after.asc $then 20230601T000000
            sign rev -o revoked.asc
            g --export ann >ann.gpg
            g --armor --export ann >ann.asc
            g $then 20220602T000000 --quick-set-expire "$(fingerprint old)" 20210101T000000
            sed 's/^:---/---/' "gnupg/openpgp-revocs.d/$(fingerprint rev).rev" | g --import
            g $then 20200101T000000 --quick-gen-key 'Sub <sub@example.com>' ed25519 cert never
            primary=$(fingerprint sub)
            for until in 2021-01-01 2022-01-01 never; do
                g $then 20200101T000000 --quick-add-key "$primary" ed25519 sign "$until"
            done
            subkey() { gpg --list-keys --with-colons sub | sed -n 's/^fpr:*\([0-9A-F]*\):/\1/p' | sed -n "$1p"; }
            echo "$primary" >primary
            sign "$(subkey 4)!" -o sub-good.asc
            sign "$(subkey 2)!" -o sub-before.asc $then 20200601T000000
            sign "$(subkey 3)!" -o sub-between.asc $then 20210601T000000
            for hash in sha1 ripemd160 sha224 sha384 sha512; do sign ann -o "$hash.asc" --digest-algo "$hash"; done
            g --detach-sign -u ann -o other.one other
            cat one other.one | gpg --batch --enarmor 2>/dev/null | sed 's/ARMORED FILE/SIGNATURE/' >good-bad.asc
            cat other.one one | gpg --batch --enarmor 2>/dev/null | sed 's/ARMORED FILE/SIGNATURE/' >bad-good.asc
            g --export >ring.gpg
            gpgconf --kill all
        )sh");
        root.write("/allowed_signers", "ann@example.com,ann " + public_key("key") + " a comment\n");
        fs::create_directory(root.path() / "work");
    }

    [[nodiscard]] std::string public_key(const std::string& name) const {
        const std::string line = root.read("/" + name + ".pub");
        return line.substr(0, line.find(' ', line.find(' ') + 1));
    }

    const std::string payload = std::string("tree 1\0\xFF\n\nmessage", 17) + std::string(std::size_t{2} << 20U, 'x');
};

const Signed& signed_things() {
    static const Signed things;
    return things;
}

struct Case {
    std::string signature;
    std::string payload = signed_things().payload;
    std::string allowed{};  ///< the file of signers; empty: Ann's
    std::string keyring = "/ring.gpg";
    std::int64_t at = in_june_2026;
};

std::string verify(const Case& row) {
    const Signed& things = signed_things();
    if (!row.allowed.empty()) {
        things.root.write("/signers", row.allowed + "\n");
    }
    SystemProcessRunner runner;
    return verify_signature(runner,
                            {.allowed_signers = things.root.path(row.allowed.empty() ? "/allowed_signers" : "/signers"),
                             .keyring = things.root.path(row.keyring)},
                            things.root.read("/" + row.signature), row.payload, row.at, "commit abc",
                            things.root.path("/work"), {});
}

/// The reason for which a signature is not trusted.
std::string reason(const Case& row) {
    const Error error = error_of([&] { return verify(row); });
    CHECK(error.kind == ErrorKind::permanent);
    CHECK(error.code == "repository.signature_untrusted");
    CHECK(error.message.find("commit abc") != std::string::npos);
    return error.message;
}

bool holds(const std::string& text, const std::string& part) {
    INFO(text);
    CHECK(text.find(part) != std::string::npos);
    return text.find(part) != std::string::npos;
}

std::string key() { return signed_things().public_key("key"); }

}  // namespace

TEST_CASE("an ssh signature of an allowed key is its first principal's") {
    CHECK(verify({"ssh.sig"}) == "ann@example.com");
    CHECK(fs::is_empty(signed_things().root.path("/work")));
}

TEST_CASE("the allowed signers may be restricted to git, in time, and to patterns") {
    CHECK(verify({.signature = "ssh.sig", .allowed = R"(a namespaces="git" )" + key()}) == "a");
    CHECK(verify({.signature = "ssh.sig", .allowed = R"(a namespaces="file,git",valid-before="20270101" )" + key()}) ==
          "a");
    CHECK(verify({.signature = "ssh.sig", .allowed = "*@example.com " + key()}) == "*@example.com");
    CHECK(verify({.signature = "ssh.sig", .allowed = "!bob@example.com,*@example.com " + key()}) == "*@example.com");
    CHECK(verify({.signature = "ssh.sig", .allowed = R"("Ann With Spaces" )" + key()}) == "Ann With Spaces");
    CHECK(verify({.signature = "ssh.sig", .allowed = "-r " + key()}) == "-r");
    CHECK(verify({.signature = "ssh.sig", .allowed = "# a comment\nbroken line\n\na " + key()}) == "a");
}

TEST_CASE("an ssh certificate's signature is its principal's") {
    const std::string authority = signed_things().public_key("authority");
    CHECK(verify({.signature = "ssh-cert.sig", .allowed = "*@example.com cert-authority " + authority}) ==
          "carol@example.com");
    holds(reason({.signature = "ssh-cert.sig", .allowed = "*@elsewhere.org cert-authority " + authority}),
          "no line of");
    holds(reason({.signature = "ssh-cert.sig", .allowed = "*@example.com " + authority}), "no line of");
}

TEST_CASE("an ssh key counts when the commit was made, not now") {
    const std::string until_2026 = R"(a valid-before="20260101" )" + key();
    CHECK(verify({.signature = "ssh.sig", .allowed = until_2026, .at = 1735700000}) == "a");
    holds(reason({.signature = "ssh.sig", .allowed = until_2026}), "key has expired");
    holds(reason({.signature = "ssh.sig", .allowed = R"(a valid-after="20270101" )" + key()}), "not yet valid");
    holds(reason({.signature = "ssh.sig", .at = -1}), "date is out of range");
    holds(reason({.signature = "ssh.sig", .at = INT64_MAX}), "date is out of range");
}

TEST_CASE("an ssh signature that does not count is refused, and why") {
    const Signed& things = signed_things();
    const std::string stranger = reason({.signature = "ssh.sig", .allowed = "bob " + things.public_key("stranger")});
    holds(stranger, "no line of");
    holds(stranger, "ED25519 key SHA256:");
    holds(reason({.signature = "ssh.sig", .payload = things.root.read("/other")}), "incorrect signature");
    holds(reason({.signature = "ssh.sig", .payload = things.payload.substr(1)}), "incorrect signature");
    holds(reason({"ssh-file.sig"}), "namespace does not match");
    holds(reason({.signature = "ssh.sig", .allowed = R"(a namespaces="file" )" + key()}), "not permitted");
    holds(reason({.signature = "ssh.sig", .allowed = "# nobody"}), "no line of");
    holds(reason({.signature = "ssh.sig", .allowed = "!ann " + key()}), "its key is in");
}

TEST_CASE("what is no whole signature is refused") {
    const Signed& things = signed_things();
    things.root.write("/cut", things.root.read("/ssh.sig").substr(0, 150));
    holds(reason({"cut"}), "damaged");
    things.root.write("/garbage", "-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----\n");
    holds(reason({"garbage"}), "damaged");
    things.root.write("/garbage", "-----BEGIN PGP SIGNATURE-----\n\nAAAA\n-----END PGP SIGNATURE-----\n");
    holds(reason({"garbage"}), "damaged");
    things.root.write("/garbage", "-----BEGIN SIGNED MESSAGE-----\n");
    holds(reason({"garbage"}), "none of a known kind: OpenPGP, SSH");
    things.root.write("/garbage", "");
    holds(reason({"garbage"}), "none of a known kind");
    things.root.write("/garbage", "-----BEGIN SSH SIGNATURE-----\n" + std::string(1U << 17U, 'A'));
    holds(reason({"garbage"}), "larger than 64 KiB");
}

TEST_CASE("an OpenPGP signature is its key's") {
    const std::string signer = verify({"gpg.asc"});
    CHECK(signer.starts_with("Ann <ann@example.com> ("));
    CHECK(signer.size() == std::string("Ann <ann@example.com> ()").size() + 40);
    CHECK(fs::is_empty(signed_things().root.path("/work")));
}

TEST_CASE("an OpenPGP key that has expired counts for what it signed before") {
    CHECK(verify({"old-before.asc"}).starts_with("Old <old@example.com> ("));
    holds(reason({"old-after.asc"}), "had expired when it was made");
}

TEST_CASE("a key counts of which one subkey is good and others have expired; it is called by its primary key") {
    const std::string primary = signed_things().root.read("/primary").substr(0, 40);
    CHECK(verify({"sub-good.asc"}) == "Sub <sub@example.com> (" + primary + ")");
    CHECK(verify({"sub-before.asc"}) == "Sub <sub@example.com> (" + primary + ")");
    // gpgv does not say which of two dates is that of the subkey that signed.
    holds(reason({"sub-between.asc"}), "had expired when it was made");
}

TEST_CASE("an OpenPGP signature over a hash that can be forged is refused") {
    holds(reason({"sha1.asc"}), "it is over SHA-1");
    holds(reason({"ripemd160.asc"}), "it is over RIPEMD-160");
    CHECK(verify({GENERATE("sha224.asc", "sha384.asc", "sha512.asc")}).starts_with("Ann <"));
}

TEST_CASE("a good signature does not carry a bad one beside it") {
    holds(reason({"good-bad.asc"}), "several signatures");
    holds(reason({"bad-good.asc"}), "not of this content");  // gpgv looks no further
}

TEST_CASE("an OpenPGP signature that does not count is refused, and why") {
    holds(reason({.signature = "gpg.asc", .payload = signed_things().root.read("/other")}), "not of this content");
    holds(reason({"revoked.asc"}), "revoked");
    holds(reason({"expired.asc"}), "expired itself");
    holds(reason({.signature = "old-before.asc", .keyring = "/ann.gpg"}), "not in");
    holds(reason({.signature = "gpg.asc", .keyring = "/ann.asc"}), "invalid packet");
    holds(reason({"two.asc"}), "several signatures");
}

TEST_CASE("a message that is signed within itself proves nothing of a commit") {
    holds(reason({"inline.asc"}), "no detached signature");
    holds(reason({"inline"}), "none of a known kind: OpenPGP, SSH");
}

TEST_CASE("a missing verifier or file of keys is named") {
    const Signed& things = signed_things();
    SystemProcessRunner runner;
    const bool is_ssh = GENERATE(true, false);
    const std::string signature = things.root.read(is_ssh ? "/ssh.sig" : "/gpg.asc");
    SignatureKeys keys{.allowed_signers = things.root.path("/none"), .keyring = things.root.path("/none")};
    const auto error = [&] {
        return error_of(
            [&] { return verify_signature(runner, keys, signature, "", 0, "tag v1", things.root.path("/work"), {}); });
    };
    const Error no_keys = error();
    CHECK(no_keys.kind == ErrorKind::permanent);
    CHECK(no_keys.code == "repository.verifier_missing");
    holds(no_keys.message, things.root.path("/none").string());
    keys.allowed_signers = keys.keyring = "";
    CHECK(error().code == "repository.verifier_missing");
    keys.allowed_signers = keys.keyring = things.root.path("/allowed_signers");
    keys.verifiers = things.root.path("/work");
    const Error no_program = error();
    CHECK(no_program.code == "repository.verifier_missing");
    holds(no_program.message, is_ssh ? "/work/ssh-keygen" : "/work/gpgv");
    holds(no_program.advice, is_ssh ? "openssh-client" : "package gpgv");
}

TEST_CASE("a verifier that hangs or crashes proves nothing, and may be tried again") {
    const Signed& things = signed_things();
    FakeProcesses processes;
    const auto verify_with = [&](ProcessResult result) {
        processes.answer("--keyring", FakeProcesses::Script{.result = result});
        return error_of([&] {
            return verify_signature(processes, {.allowed_signers = "", .keyring = things.root.path("/ring.gpg")},
                                    things.root.read("/gpg.asc"), "payload", 0, "commit abc", things.root.path("/work"),
                                    {});
        });
    };
    const Error late = verify_with({.end = ProcessResult::End::timed_out});
    CHECK(late.kind == ErrorKind::transient);
    CHECK(late.code == "repository.timeout");
    CHECK(verify_with({.end = ProcessResult::End::killed_by_signal, .signal = 11}).code == "repository.fetch_crashed");
    CHECK(verify_with({.end = ProcessResult::End::stopped}).kind == ErrorKind::stopped);
    CHECK(verify_with({}).code == "repository.signature_untrusted");  // exit status 0, and nothing said
    const ProcessRequest& request = processes.requests.front();
    CHECK(request.arguments.front() == "/usr/bin/gpgv");
    CHECK(request.timeout == std::chrono::seconds(30));
    CHECK(request.ends_family);
    CHECK(request.environment.at("GNUPGHOME") == things.root.path("/work").string());
    CHECK(request.input == "payload");
}

namespace {

constexpr const char* good = "[GNUPG:] GOODSIG 1 Ann";
constexpr const char* valid = "[GNUPG:] VALIDSIG ABC 2026-01-01 1 0 4 0 22 8 00 ABC";

std::string verify_by(FakeProcesses& processes, const std::string& signature) {
    const Signed& things = signed_things();
    return verify_signature(processes, {.allowed_signers = "/dev/null", .keyring = "/dev/null"},
                            things.root.read(signature), "", in_june_2026, "commit abc", things.root.path("/work"), {});
}

}  // namespace

TEST_CASE("good words of gpgv count only where it also ends well") {
    const int status = GENERATE(0, 1, 2, 255);
    FakeProcesses processes;
    processes.answer("--keyring", FakeProcesses::Script{.result = {.exit_code = status}, .lines = {good, valid}});
    if (status == 0) {
        CHECK(verify_by(processes, "/gpg.asc") == "Ann (ABC)");
        return;
    }
    const Error error = error_of([&] { return verify_by(processes, "/gpg.asc"); });
    CHECK(error.code == "repository.signature_untrusted");
    holds(error.message, "gpgv ended with status " + std::to_string(status));
}

TEST_CASE("more words of gpgv than are kept prove nothing") {
    FakeProcesses processes;
    std::vector<std::string> lines{good, valid};
    lines.resize(201, "[GNUPG:] KEY_CONSIDERED ABC 0");
    processes.answer("--keyring", FakeProcesses::Script{.lines = lines});
    holds(error_of([&] { return verify_by(processes, "/gpg.asc"); }).message, "says too much");
}

TEST_CASE("what ssh-keygen prints counts only where it also ends well") {
    // It is called to find principals, then to verify; or, where it finds none, to check without them.
    const auto verify_with = [](int found, int then, std::vector<std::string> principals) {
        FakeProcesses processes;
        processes.answer("-Y", {{.result = {.exit_code = found}, .lines = std::move(principals)},
                                {.result = {.exit_code = then}, .lines = {"Good \"git\" signature for ann"}}});
        return verify_by(processes, "/ssh.sig");
    };
    CHECK(verify_with(0, 0, {"ann"}) == "ann");
    const int bad = GENERATE(1, 255);
    holds(error_of([&] { return verify_with(bad, 0, {"ann"}); }).message, "no line of");
    holds(error_of([&] { return verify_with(0, bad, {"ann"}); }).message, "not allowed for git");
    holds(error_of([&] { return verify_with(0, 0, {}); }).message, "not allowed for git");
}

TEST_CASE("what a signer is called is fit to be shown") {
    const Signed& things = signed_things();
    FakeProcesses processes;
    processes.answer("--keyring",
                     FakeProcesses::Script{.lines = {"[GNUPG:] GOODSIG 1 \x1B[2J" + std::string(5000, 'x'),
                                                     "[GNUPG:] VALIDSIG ABC 2026-01-01 1 0 4 0 22 8 00 ABC"}});
    const std::string signer =
        verify_signature(processes, {.allowed_signers = "", .keyring = "/dev/null"}, things.root.read("/gpg.asc"), "",
                         0, "commit abc", things.root.path("/work"), {});
    CHECK(signer.starts_with("?[2Jxxx"));
    CHECK(signer.ends_with("… (ABC)"));
    CHECK(signer.size() < 300);
}

TEST_CASE("a commit without a signature has an error of its own") {
    const Error error = signature_missing("commit abc");
    CHECK(error.kind == ErrorKind::permanent);
    CHECK(error.code == "repository.signature_missing");
    holds(error.message, "commit abc has no signature");
}
