#include "test/fakes/fixtures.hpp"

#include "common/files/file.hpp"

#include <cstddef>

namespace bootwright {

std::filesystem::path fixture_path(std::string_view name) {
    return std::filesystem::path(BOOTWRIGHT_FIXTURES) / std::filesystem::path(name);
}

std::string fixture(std::string_view name) { return read_file(fixture_path(name), std::size_t{1} << 20U); }

}  // namespace bootwright
