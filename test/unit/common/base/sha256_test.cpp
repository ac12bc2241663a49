#include "common/base/sha256.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;

namespace {

std::string hash(std::string_view text, std::size_t piece = 1000) {
    Sha256 sha;
    for (std::size_t at = 0; at < text.size(); at += piece) {
        sha.append(text.substr(at, piece));
    }
    return sha.finish();
}

}  // namespace

TEST_CASE("SHA-256 is that of the standard") {
    // NIST's examples (FIPS 180-2, appendix B), and what sha256sum prints.
    CHECK(hash("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    CHECK(hash("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK(hash("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    CHECK(hash(std::string(1'000'000, 'a')) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("SHA-256 does not depend on how the text comes in") {
    for (std::size_t length : {55U, 56U, 63U, 64U, 65U, 119U, 200U}) {
        const std::string text(length, '\xfe');
        for (std::size_t piece : {1U, 7U, 64U}) {
            CHECK(hash(text, piece) == hash(text));
        }
    }
}
