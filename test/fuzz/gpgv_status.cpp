// What gpgv writes of a signature that anybody may have made, with user ids of their choice in it.

#include "agent/repository/proof/gpgv_status.hpp"
#include "common/base/text.hpp"
#include "test/fuzz/fuzz.hpp"

#include <algorithm>
#include <string>
#include <vector>

using namespace bootwright;

namespace {

std::ptrdiff_t count(const std::vector<std::string>& lines, const std::string& word) {
    return std::count_if(lines.begin(), lines.end(), [&](const std::string& line) {
        return line == "[GNUPG:] " + word || line.starts_with("[GNUPG:] " + word + " ");
    });
}

/// What must stand in the lines of any proof.
void check_proof(const std::vector<std::string>& lines, int exit_code, std::string_view text) {
    require(exit_code == 0, "a proof of a gpgv that did not end well", text);
    require(count(lines, "GOODSIG") + count(lines, "EXPKEYSIG") == 1, "a proof without one good verdict", text);
    require(count(lines, "VALIDSIG") == 1, "a proof without one valid signature", text);
    require(count(lines, "NEWSIG") <= 1, "a proof of several signatures", text);
    for (const char* word : {"BADSIG", "ERRSIG", "EXPSIG", "REVKEYSIG"}) {
        require(count(lines, word) == 0, "a proof beside a bad verdict", text);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) {
        return 0;
    }
    const int exit_code = data[0] % 3;
    const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
    const std::vector<std::string> lines = split(text, '\n');
    const GpgvStatus status = read_gpgv_status(lines);
    const auto why = why_no_proof(status, exit_code, "ring.gpg");
    require(!why || !why->empty(), "a refusal without a reason", text);
    if (!why) {
        check_proof(lines, exit_code, text);
        require(status.hash && *status.hash > 3, "a proof over a hash that can be forged", text);
        require(!status.fingerprint.empty(), "a proof of nobody", text);
    }
    return 0;
}
