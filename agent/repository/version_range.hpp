#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bootwright {

/// A version as https://semver.org has it.
struct SemanticVersion {
    std::array<std::uint32_t, 3> numbers{};  ///< major, minor, patch
    std::vector<std::string> prerelease{};   ///< {"rc", "1"} of 1.0.0-rc.1; empty: stable
    std::string build{};                     ///< what stands behind the "+"; no version is older or newer by it

    [[nodiscard]] bool is_stable() const { return prerelease.empty(); }

    /// Returns nullopt for what is no such version: "1.0", "v1.0.0".
    static std::optional<SemanticVersion> parse(std::string_view text);

    /// Less than, equal to or greater than zero, as this one is older, the same or newer.
    [[nodiscard]] int compare(const SemanticVersion& other) const;
};

/// What a module's metadata.json asks of another one's version: ">= 1.0.0 < 2.0.0", "1.x", "~1.2", "^2.1.0",
/// "1.0.0 - 2.0.0", and several of those with "||" between.
/// Source: SemanticPuppet::VersionRange, by which Puppet and the Forge's tools read it
/// (https://github.com/puppetlabs/semantic_puppet). What only fails there by mistake ("^x") is read here.
class VersionRange {
public:
    static constexpr std::size_t longest = 200;

    /// Returns nullopt for what is no range.
    static std::optional<VersionRange> parse(std::string_view text);

    /// A version before a stable one (1.0.0-rc1) is in it only if the range names one of the same three numbers.
    [[nodiscard]] bool includes(const SemanticVersion& version) const;

private:
    struct Bound {
        enum class Is { at_least, more, less, at_most, same } is;
        SemanticVersion version;
    };
    /// All of them have to hold. If there are none, it is all versions or no version.
    struct Alternative {
        std::vector<Bound> bounds{};
        bool is_all = false;
    };

    static bool holds(const Bound& bound, const SemanticVersion& version);
    static bool includes(const Alternative& alternative, const SemanticVersion& version);
    static std::optional<Alternative> parse_alternative(std::string_view text);
    static bool add_simple(Alternative& alternative, std::string_view text);
    static bool add_hyphen(Alternative& alternative, std::string_view from, std::string_view to);

    std::vector<Alternative> alternatives_{};
};

}  // namespace bootwright
