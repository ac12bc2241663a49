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

/// Knows secrets, and removes them from other programs' texts: as they are, percent-encoded, in base64 (wherever it
/// begins), escaped as JSON, Ruby and shells do it, line by line, and cut off at an end of the text or beside "…" or
/// "...".
class Redactor {
public:
    /// A shorter secret is left alone, since it would blot out innocent text; so is a shorter rest of a cut one.
    static constexpr std::size_t shortest = 6;

    void add(std::string_view secret);
    /// Adds the URL's credentials, and the values of its query.
    void add_url(const Url& url);
    /// Adds every text in it, and every number of at least `shortest` characters.
    void add_values(const Json& json);

    /// `text` with "[redacted]" for each secret. Shorten a text only afterwards.
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
    std::bitset<65536> first_bytes_{};  // two of each form: they rule out most positions of a text
    std::bitset<65536> last_bytes_{};
};

}  // namespace bootwright
