#pragma once

#include "common/file.hpp"

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

namespace bootwright {

/// test/fixtures/NAME
inline std::filesystem::path fixture_path(std::string_view name) {
    return std::filesystem::path(BOOTWRIGHT_FIXTURES) / std::filesystem::path(name);
}

inline std::string fixture(std::string_view name) { return read_file(fixture_path(name), std::size_t{1} << 20U); }

}  // namespace bootwright
