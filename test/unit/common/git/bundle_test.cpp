#include "common/git/bundle.hpp"

#include "common/base/error.hpp"
#include "test/fakes/errors.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

using namespace bootwright;

namespace {

const std::string one(40, '1');
const std::string two(40, '2');

struct Read {
    std::optional<BundleHeader> header;
    std::string pack;
};

/// @param step so many bytes arrive at a time
Read read(const std::string& bundle, std::size_t step = std::string::npos) {
    BundleReader reader;
    Read result;
    for (std::size_t at = 0; at < bundle.size(); at += std::min(step, bundle.size())) {
        reader.feed(std::string_view(bundle).substr(at, step), [&](std::string_view bytes) { result.pack += bytes; });
    }
    result.header = reader.header();
    return result;
}

}  // namespace

TEST_CASE("a bundle's references and prerequisites are read, and its pack is handed on, however it arrives") {
    const auto step = GENERATE(1UL, 2UL, 7UL, 41UL, 1000UL);
    const std::string version =
        GENERATE("# v2 git bundle\n", "# v3 git bundle\n@object-format=sha1\n", "# v3 git bundle\n");
    const std::string bundle =
        version + "-" + two + " a subject\n-" + two + "\n" + one + " refs/heads/main\n" + two + " HEAD\n\nPACK\n\nrest";
    const Read found = read(bundle, step);
    REQUIRE(found.header);
    CHECK(found.header->refs ==
          std::vector<std::pair<std::string, std::string>>{{one, "refs/heads/main"}, {two, "HEAD"}});
    CHECK(found.header->prerequisites == std::vector{two, two});
    CHECK(found.pack == "PACK\n\nrest");
}

TEST_CASE("a bundle that is cut short in its header has none") {
    const std::string bundle = "# v2 git bundle\n" + one + " refs/heads/main\n\n";
    for (std::size_t length = 0; length < bundle.size(); ++length) {
        CHECK_FALSE(read(bundle.substr(0, length)).header);
    }
    CHECK(read(bundle).header);
}

TEST_CASE("what is no bundle, or none that can be used here, is refused for good") {
    const std::string v2 = "# v2 git bundle\n";
    const std::string v3 = "# v3 git bundle\n";
    const std::string bundle = GENERATE_COPY(values<std::string>({
        "\n",
        "<!DOCTYPE html>\n",
        "# v1 git bundle\n",
        "# v4 git bundle\n",
        "# v2 git bundle\r\n",
        "# v2 git bundle \n",
        v2 + "\n",
        v2 + "-" + one + "\n\n",
        v2 + "@object-format=sha1\n",
        v3 + "@object-format=sha256\n",
        v3 + "@filter=blob:none\n",
        v3 + one + " refs/heads/main\n@object-format=sha1\n",
        v2 + one + "\n",
        v2 + one + " \n",
        v2 + one + "refs/heads/main\n",
        v2 + one + " main\n",
        v2 + one + " refs/heads/../main\n",
        v2 + one + " refs/heads/a b\n",
        v2 + one + " refs/heads/\x1b[31m\n",
        v2 + one + " refs/heads/main\r\n",
        v2 + one.substr(1) + " refs/heads/main\n",
        v2 + std::string(40, 'A') + " refs/heads/main\n",
        v2 + std::string(64, 'a') + " refs/heads/main\n",
        v2 + "-" + one + "x\n",
        v2 + "-\n",
        std::string(65 * 1024, 'x'),
        std::string(65 * 1024, 'x') + "\n",
    }));
    CAPTURE(bundle.substr(0, 100));
    const auto step = GENERATE(1UL, 1000UL, 100'000UL);
    const Error error = error_of([&] { return read(bundle, step); });
    CHECK(error.code == "git.snapshot_invalid");
    CHECK(error.kind == ErrorKind::permanent);
    CHECK(error.message.size() < 300);
}

TEST_CASE("a header that never ends is refused at 64 KiB") {
    std::string bundle = "# v2 git bundle\n";
    while (bundle.size() < 64 * 1024) {
        bundle += one + " refs/heads/main\n";
    }
    CHECK(error_of([&] { return read(bundle, 500); }).code == "git.snapshot_invalid");
}
