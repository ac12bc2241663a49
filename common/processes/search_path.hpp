#pragma once

#include <filesystem>
#include <optional>
#include <string_view>

namespace bootwright {

/// The program of that name in the first of `folders` ("/usr/local/bin:/usr/bin") that has it, as `env` looks for it. What is
/// returned does not begin with `root`, below which it is looked for. Relative folders are passed over.
std::optional<std::filesystem::path> find_program(std::string_view name, std::string_view folders,
                                                  const std::filesystem::path& root);

}  // namespace bootwright
