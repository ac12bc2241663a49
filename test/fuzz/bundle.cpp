// A git bundle as any server may give it, in pieces of any size.

#include "common/git/bundle.hpp"
#include "common/base/text.hpp"
#include "test/fuzz/fuzz.hpp"

#include <optional>

using namespace bootwright;

namespace {

struct Read {
    std::optional<BundleHeader> header;
    std::string pack;
};

Read read(std::string_view bundle, std::size_t step) {
    BundleReader reader;
    Read result;
    for (std::size_t at = 0; at < bundle.size(); at += step) {
        reader.feed(bundle.substr(at, step), [&](std::string_view bytes) { result.pack += bytes; });
    }
    result.header = reader.header();
    return result;
}

void check(const Read& whole, std::string_view bundle) {
    require(whole.header || whole.pack.empty(), "a pack without a header", whole.pack);
    require(bundle.ends_with(whole.pack), "a pack that is not what was sent", whole.pack);
    if (whole.header) {
        require(!whole.header->refs.empty(), "a bundle of nothing", bundle);
        for (const auto& [id, name] : whole.header->refs) {
            require(is_commit_id(id), "an id that is none", id);
            require(name == "HEAD" || name.starts_with("refs/"), "a name that is none", name);
        }
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) {
        return 0;
    }
    const std::string_view bundle(reinterpret_cast<const char*>(data) + 1, size - 1);
    const auto is_expected = [](const Error& error) {
        return error.kind == ErrorKind::permanent && error.code == "git.snapshot_invalid";
    };
    // The same, whether it comes at once or in pieces.
    std::optional<Read> whole;
    std::optional<Read> pieces;
    fuzz([&] { whole = read(bundle, bundle.size() + 1); }, is_expected);
    fuzz([&] { pieces = read(bundle, std::size_t{data[0]} + 1); }, is_expected);
    require(whole.has_value() == pieces.has_value(), "an outcome that depends on the pieces", bundle);
    if (whole) {
        check(*whole, bundle);
        require(whole->pack == pieces->pack, "a pack that depends on the pieces", bundle);
    }
    return 0;
}
