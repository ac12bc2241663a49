#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace bootwright {

/// One part of a MIME message, decoded (RFC 2045, RFC 2046, RFC 2183, RFC 2231).
struct MimePart {
    std::string type;                           ///< "text/cloud-config", in lower case
    std::string filename;                       ///< of Content-Disposition, else the name of Content-Type; "": none
    std::optional<std::string> body;            ///< nullopt if it is not in the encoding that it names
    std::optional<std::size_t> lines_before{};  ///< those of the message before the body; nullopt if that was encoded
};

/// True if `text` begins as a MIME message for cloud-init does: with such a message's headers, in any order.
bool is_mime(const std::string& text);

/// The parts that hold no parts themselves, in their order. Bounded: at most 100 parts in 4 levels.
/// Returns nullopt if it is no such message: no boundary, too many parts or levels.
std::optional<std::vector<MimePart>> parse_mime(const std::string& text);

}  // namespace bootwright
