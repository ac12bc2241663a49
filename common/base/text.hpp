#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bootwright {

/// `text` without white space at both ends.
std::string_view trimmed(std::string_view text);

/// ASCII lower case.
std::string lower(std::string_view text);

/// The pieces between separators; empty ones are kept.
std::vector<std::string> split(std::string_view text, char separator);

/// The candidate that `word` is most likely a misspelling of. Returns nullopt if none is near.
std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& candidates);

/// "a, b, c"
std::string joined(const std::vector<std::string>& words, std::string_view separator);

/// True if each character is visible ASCII: no space, no control character.
bool is_visible(std::string_view text);

/// True for [a-z][a-z0-9_]*: the names of facts, and the parts of Puppet's class names.
bool is_name(std::string_view text);

/// True for an ASCII letter or digit.
bool is_alphanumeric(char c);

/// True for 1 to `longest` characters, each an ASCII letter, a digit, or one of `others`.
bool is_made_of(std::string_view text, std::string_view others, std::size_t longest);

/// `text` (UTF-8), cut to at most `longest` bytes and then followed by "…"; never cut within a character.
std::string shortened(std::string_view text, std::size_t longest);

/// The same, with the cut in the middle: the first line stays, up to two thirds (of a single line: one third), and the end.
std::string shortened_within(std::string_view text, std::size_t longest);

/// "1 resource", "3 resources". @param what one of them, whose plural ends with "s"
std::string counted(std::uint64_t count, std::string_view what);

/// True for decimal digits, one or more.
bool is_digits(std::string_view text);

/// True for a full git commit id: 40 characters of 0-9 and a-f.
bool is_commit_id(std::string_view text);
/// True for a SHA-256 as sha256sum(1) prints it: 64 characters of 0-9 and a-f.
bool is_sha256(std::string_view text);

/// A 64-bit hash (FNV-1a) that stays the same from release to release. Do not use it for text that somebody may forge.
std::uint64_t hash_of(std::string_view text);

/// 16 hex digits.
std::string hex_of(std::uint64_t number);

}  // namespace bootwright
