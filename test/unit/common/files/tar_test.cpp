#include "common/files/tar.hpp"

#include "common/files/archive.hpp"
#include "test/fakes/errors.hpp"
#include "test/fakes/temporary_root.hpp"

#include <catch2/catch_test_macros.hpp>

#include <vector>

using namespace bootwright;
namespace fs = std::filesystem;

namespace {

std::string code_of(const fs::path& file, const std::vector<PackedFile>& files) {
    return error_of([&] {
               write_tar_gz(file, "report", files, 0);
               return 0;
           })
        .code;
}

}  // namespace

TEST_CASE("what is packed is read back, and is for its owner alone") {
    const TemporaryRoot root;
    root.make_folder("/there");
    const fs::path file = root.path("/there/report.tar.gz");
    const std::vector<PackedFile> files{{.path = "README.txt", .content = "hello\n"},
                                        {.path = "a/deeper/text", .content = std::string(3'000'000, 'x')},
                                        {.path = "a block", .content = std::string(512, 'b')},
                                        {.path = "empty", .content = ""},
                                        {.path = std::string(60, 'l') + "/" + std::string(90, 'n'), .content = "cut"}};
    write_tar_gz(file, "report", files, 1'795'383'092);
    CHECK(root.mode("/there/report.tar.gz") == 0600);
    std::vector<ArchivedFile> read;
    read_archive(file, {}, [&](const ArchivedFile& each) { read.push_back(each); });
    REQUIRE(read.size() == files.size());
    for (std::size_t i = 0; i < files.size(); ++i) {
        CHECK(read[i].path == files[i].path);
        CHECK(read[i].content == files[i].content);
    }
}

TEST_CASE("an archive that cannot be written leaves nothing behind") {
    const TemporaryRoot root;
    root.make_folder("/there");
    for (const std::string& path : {std::string(101, 'x'), std::string(160, 'x') + "/" + std::string(90, 'x')}) {
        CHECK(code_of(root.path("/there/a.tar.gz"), {{.path = path, .content = ""}}) == "io.failed");
    }
    CHECK(fs::is_empty(root.path("/there")));
    CHECK(code_of(root.path("/nowhere/a.tar.gz"), {}) == "io.failed");
}
