#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace bootwright {

/// SHA-256 (FIPS 180-4) of what is appended.
class Sha256 {
public:
    void append(std::string_view bytes);
    /// 64 hex digits. Call it once, at the end.
    std::string finish();

private:
    void take_block(const unsigned char* block);

    std::array<std::uint32_t, 8> state_{0x6a09e667U, 0xbb67ae85U, 0x3c6ef372U, 0xa54ff53aU,
                                        0x510e527fU, 0x9b05688cU, 0x1f83d9abU, 0x5be0cd19U};
    std::array<unsigned char, 64> block_{};
    std::size_t used_ = 0;
    std::uint64_t bytes_ = 0;
};

/// The SHA-256 of all of it, in 64 hex digits.
std::string sha256_hex(std::string_view bytes);

}  // namespace bootwright
