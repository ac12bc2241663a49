#pragma once

#include "common/documents/json.hpp"
#include "common/net/url.hpp"

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace bootwright {

/// Knows secrets, and takes them out of text that somebody else has written: as they are, percent-encoded, in base64 (wherever
/// it begins), escaped as JSON, Ruby and shells do it, line by line, and cut off at an end of the text or beside "…" or "...".
class Redactor {
public:
    /// A shorter secret would blot out innocent text, and is left alone; so is a shorter rest of one that is cut off.
    static constexpr std::size_t shortest = 6;

    void add(std::string_view secret);
    /// Its credentials, and the values of its query.
    void add_url(const Url& url);
    /// Every text in it, and every number of so many digits.
    void add_values(const Json& json);

    /// `text` with "[redacted]" for each secret. What is to be shortened is to be so afterwards.
    [[nodiscard]] std::string cleaned(std::string_view text) const;

private:
    using Ends = std::unordered_map<std::uint64_t, std::vector<std::size_t>>;  // `shortest` bytes → forms

    void add_form(std::string form);
    void add_base64(std::string_view secret);
    struct View;
    void mark(const View& view, std::vector<bool>& marks) const;

    std::vector<std::string> forms_{};
    std::unordered_set<std::string> known_{};
    Ends heads_{};
    Ends tails_{};
    std::bitset<65536> first_bytes_{};  // two of each form's: most places of a text are passed over by them
    std::bitset<65536> last_bytes_{};
};

}  // namespace bootwright
