#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bootwright {

/// What a git bundle says before its pack (gitformat-bundle(5)).
struct BundleHeader {
    std::vector<std::pair<std::string, std::string>> refs;  ///< object id, name of the reference
    std::vector<std::string> prerequisites;                 ///< commits that the reader must have already
};

/// Reads a git bundle, v2, or v3 of SHA-1, as it arrives. Reads only the header; hands the pack on as it is.
/// @throws Error git.snapshot_invalid if the header is malformed, longer than 64 KiB, names no reference, or asks for
///   what is not known here (SHA-256, a filter). After that, do not use the reader.
class BundleReader {
public:
    using PackSink = std::function<void(std::string_view bytes)>;

    /// @param pack gets the bytes of the pack, once the header is complete
    void feed(std::string_view bytes, const PackSink& pack);

    /// The header, once it is complete. A file that ends earlier is cut short.
    [[nodiscard]] const std::optional<BundleHeader>& header() const { return complete_; }

private:
    void read_line(std::string_view line);
    void read_capability(std::string_view line);
    void read_reference(std::string_view line);

    std::string pending_;           ///< the begun line
    std::size_t header_bytes_ = 0;  ///< read so far
    int version_ = 0;               ///< 0: the first line is still to come
    BundleHeader header_;
    std::optional<BundleHeader> complete_;
};

}  // namespace bootwright
