#include "agent/servers/released_files.hpp"

#include "test/fakes/errors.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>

using namespace bootwright;

namespace {

/// "PATH CONTENT" of each file, with "!" of executables.
std::vector<std::string> read(const std::string& bytes, std::size_t piece, const ArchiveLimits& limits = {}) {
    std::vector<std::string> files;
    ReleasedFilesReader reader(limits);
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
        reader.feed(std::string_view(bytes).substr(at, piece), [&](const ArchivedFile& file) {
            files.push_back(file.path + (file.is_executable ? "! " : " ") + file.content);
        });
    }
    reader.finish();
    return files;
}

}  // namespace

TEST_CASE("the files of a release come as they were handed over, in pieces of any size") {
    const std::string bytes = frame_of({"a b", false, "x"}) + frame_of({"run", true, std::string("\0 1\n", 4)}) +
                              frame_of({"empty", false, ""}) + frame_of({"d/last", false, "end"});
    for (std::size_t piece = 1; piece <= bytes.size(); ++piece) {
        CAPTURE(piece);
        CHECK(read(bytes, piece) ==
              std::vector<std::string>{"a b x", "run! " + std::string("\0 1\n", 4), "empty ", "d/last end"});
    }
    CHECK(read("", 1).empty());
}

TEST_CASE("files that are handed over in another form, or are too many or too large, are refused") {
    const std::string good = frame_of({"file", false, "12345"});
    const std::string null(1, '\0');
    const ArchiveLimits limits{.files = 2, .bytes = 8, .bytes_of_file = 6, .path = 10};
    CHECK(read(good, 3, limits).size() == 1);
    for (const std::string& bad :
         {good.substr(0, good.size() - 1), good.substr(0, 5), std::string("x"), null, "100644" + null,
          "100644 1" + null, "100644 -1 x" + null, "100644 1x x" + null + "y", "100644  x" + null,
          "120000 1 x" + null + "y", "100644 99999999999999999999 x" + null, frame_of({"x", false, "1234567"}),
          good + good, frame_of({"a", false, ""}) + frame_of({"b", false, ""}) + frame_of({"c", false, ""}),
          frame_of({std::string(60, 'x'), false, ""})}) {
        CAPTURE(bad);
        const Error error = error_of([&] { read(bad, 4, limits); });
        CHECK(error.code == "repository.fetch_crashed");
    }
}
