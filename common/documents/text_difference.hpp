#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace bootwright {

/// What makes of one text the other, in lines as `diff -u` has them, without its head: " same", "-gone", "+new", and "@@" before each
/// piece. Of texts that differ in very many lines it is no smallest difference. Empty: they are the same.
std::vector<std::string> line_difference(std::string_view before, std::string_view after);

}  // namespace bootwright
