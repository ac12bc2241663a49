#include "agent/repository/proof/gpgv_status.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

using namespace bootwright;

namespace {

using Lines = std::vector<std::string>;

constexpr const char* newsig = "[GNUPG:] NEWSIG";
constexpr const char* good = "[GNUPG:] GOODSIG F00D Ann Other <ann@example.com>";
constexpr const char* valid = "[GNUPG:] VALIDSIG SUB 2026-06-01 1780272000 0 4 0 22 8 00 PRIMARY";

std::string reason(const Lines& lines, int exit_code = 0) {
    return why_no_proof(read_gpgv_status(lines), exit_code, "ring.gpg").value_or("proven");
}

/// VALIDSIG of a signature of this hash algorithm.
std::string valid_over(const std::string& hash) {
    return "[GNUPG:] VALIDSIG A 2026-06-01 5000 0 4 0 22 " + hash + " 00 A";
}

}  // namespace

TEST_CASE("one good signature is a proof, of the primary key also where a subkey signed") {
    const GpgvStatus status =
        read_gpgv_status({newsig, "[GNUPG:] KEY_CONSIDERED PRIMARY 0", good, valid, "gpgv: words"});
    CHECK(status.signatures == 1);
    CHECK(status.valid == 1);
    CHECK(status.verdicts == Lines{"GOODSIG"});
    CHECK(status.user_id == "Ann Other <ann@example.com>");
    CHECK(status.fingerprint == "PRIMARY");
    CHECK(status.signed_at == 1780272000);
    CHECK(status.hash == 8);
    CHECK(reason({newsig, good, valid}) == "proven");
    CHECK(read_gpgv_status({"[GNUPG:] VALIDSIG SUB 2026-06-01 1 0 4 0 22 8 00"}).fingerprint == "SUB");
}

TEST_CASE("the verdict decides, whatever the exit status") {
    const int exit_code = GENERATE(0, 1, 2);
    CHECK(reason({newsig, "[GNUPG:] BADSIG F00D Ann"}, exit_code).find("not of this content") != std::string::npos);
    CHECK(reason({newsig, "[GNUPG:] REVKEYSIG F00D Ann", valid}, exit_code) == "its key was revoked");
    CHECK(reason({newsig, "[GNUPG:] EXPSIG F00D Ann", valid}, exit_code) == "it has expired itself");
    CHECK(reason({newsig, "[GNUPG:] ERRSIG F00D 22 8 00 1 9 -"}, exit_code).find("not in ring.gpg") !=
          std::string::npos);
    CHECK(reason({newsig, valid}, exit_code).find("damaged") != std::string::npos);
    CHECK(reason({newsig, good}, exit_code).find("damaged") != std::string::npos);
    CHECK(reason({}, exit_code).find("damaged") != std::string::npos);
}

TEST_CASE("the exit status decides, whatever the verdict") {
    CHECK(reason({newsig, good, valid}, 1) == "gpgv ended with status 1");
    CHECK(reason({newsig, good, valid}, 2) == "gpgv ended with status 2");
}

TEST_CASE("of several signatures none counts, in whatever order, and however the second one ends") {
    const std::string second = GENERATE("GOODSIG", "BADSIG", "ERRSIG", "EXPSIG", "EXPKEYSIG", "REVKEYSIG");
    const std::string other = "[GNUPG:] " + second + " BEEF Bob";
    const std::string several = "there are several signatures in one";
    CHECK(reason({newsig, good, valid, newsig, other}) == several);
    CHECK(reason({newsig, other, newsig, good, valid}) == several);
    CHECK(reason({good, valid, other}) == several);
    CHECK(reason({newsig, good, valid, newsig}) == several);
    CHECK(reason({newsig, good, valid, valid}) == several);
}

TEST_CASE("a key that has expired counts for what it signed before, its subkeys' dates included") {
    const std::string expired = "[GNUPG:] EXPKEYSIG F00D Ann";
    const std::string at_5000 = valid_over("8");
    const auto expires = [](const std::string& at) { return "[GNUPG:] KEYEXPIRED " + at; };
    CHECK(reason({expires("5001"), expired, at_5000}) == "proven");
    CHECK(reason({expires("5001"), expires("9000"), expired, at_5000}) == "proven");
    for (const Lines& lines : {Lines{expires("5000")}, Lines{expires("4999"), expires("9000")},
                               Lines{expires("9000"), expires("4999")}, Lines{expires("20260601T000000")}, Lines{}}) {
        Lines all = lines;
        all.insert(all.end(), {expired, at_5000});
        CHECK(reason(all).find("had expired when it was made") != std::string::npos);
    }
    CHECK(reason({expires("1"), good, at_5000}) == "proven");  // of another subkey
    CHECK(reason({expires("9000"), expired, "[GNUPG:] VALIDSIG A 2026-06-01 20260601T000000 0 4 0 22 8 00 A"})
              .find("had expired") != std::string::npos);
}

TEST_CASE("only a hash that nobody can forge counts") {
    CHECK(reason({good, valid_over(GENERATE("8", "9", "10", "11", "12", "14"))}) == "proven");
    CHECK(reason({good, valid_over("1")}).starts_with("it is over MD5"));
    CHECK(reason({good, valid_over("2")}).starts_with("it is over SHA-1"));
    CHECK(reason({good, valid_over("3")}).starts_with("it is over RIPEMD-160"));
    CHECK(reason({good, valid_over("13")}).starts_with("it is over hash 13"));
    CHECK(reason({good, valid_over(GENERATE("", "8x", "SHA256"))}).starts_with("it is over an unknown hash"));
}

TEST_CASE("what are no status lines, or broken ones, proves nothing") {
    CHECK(reason({"GOODSIG F00D Ann", "VALIDSIG A 2026-06-01 5000 0 4 0 22 8 00 A"}).find("damaged") !=
          std::string::npos);
    CHECK(reason({"[GNUPG:]GOODSIG F00D Ann", valid}).find("damaged") != std::string::npos);
    CHECK(reason({good, "[GNUPG:] VALIDSIG A 2026-06-01 5000 0 4 0 22 8"}).find("damaged") != std::string::npos);
    CHECK(reason({"[GNUPG:] ", "[GNUPG:]  ", "[GNUPG:] KEYEXPIRED"}).find("damaged") != std::string::npos);
    CHECK(read_gpgv_status({"[GNUPG:] GOODSIG"}).user_id.empty());
}
