// A module's metadata.json, and the versions and ranges in it, as anybody may publish them.

#include "agent/repository/module_metadata.hpp"
#include "agent/repository/version_range.hpp"
#include "common/base/encoding.hpp"
#include "common/documents/json.hpp"
#include "test/fuzz/fuzz.hpp"

using namespace bootwright;

namespace {

void check(const ModuleMetadata& metadata) {
    const std::string sent = to_line(to_json(metadata));
    require(sent.size() < 60'000, "more than fits into a line of the child", sent);
    require(to_line(to_json(module_metadata_from_json(parse_json(sent)))) == sent, "it arrives as something else",
            sent);
    require(printable(metadata.problem) == metadata.problem, "a problem that moves a terminal's cursor", sent);
}

void check(const std::string& text) {
    const auto version = SemanticVersion::parse(text);
    if (!version) {
        return;
    }
    require(version->compare(*version) == 0, "a version that is not as old as itself", text);
    const auto range = VersionRange::parse(text);
    require(range && range->includes(*version), "a version that its own range does not include", text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    check(read_module_metadata(parse_json(text)));
    check(text);
    if (const auto range = VersionRange::parse(text)) {
        static_cast<void>(range->includes({.numbers = {1, 0, 0}}));
    }
    return 0;
}
