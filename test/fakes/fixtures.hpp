#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace bootwright {

/// test/fixtures/NAME
std::filesystem::path fixture_path(std::string_view name);

/// The file's content, at most 1 MiB. @throws Error io.*
std::string fixture(std::string_view name);

}  // namespace bootwright
