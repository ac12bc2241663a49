#include "agent/puppet/result/kept_log.hpp"

#include "common/base/encoding.hpp"
#include "common/files/file.hpp"
#include "test/fakes/puppet_traces.hpp"
#include "test/fakes/temporary_root.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;
using namespace bootwright::reading_tests;

namespace {

constexpr std::size_t mebibyte = std::size_t{1} << 20U;

std::string chatter(std::size_t bytes) {
    const std::string notice = log_line("notice", "chatter").insert(1, R"("level":"notice",)");
    std::string text;
    while (text.size() < bytes) {
        text += notice;
    }
    return text;
}

}  // namespace

TEST_CASE("what ends a run is read at the end of a log of any size") {
    const TemporaryRoot root;
    const auto log = root.path("/puppet.jsonl");
    const std::string first = log_line("warning", "first");
    const std::string last = log_line("err", "last");
    write_file(log, first + chatter(3 * mebibyte) + last, 0600);
    CHECK(lines_of_note(log, mebibyte) == first + last);
    write_file(log, chatter(mebibyte) + "cut off", 0600);
    CHECK(lines_of_note(log, mebibyte) == "cut off\n");
    CHECK(lines_of_note(root.path("/none"), mebibyte).empty());
}

TEST_CASE("no log takes more memory than it may") {
    const TemporaryRoot root;
    const auto log = root.path("/puppet.jsonl");
    write_file(log, std::string(3 * mebibyte, 'x') + "\n" + log_line("err", "last"), 0600);
    CHECK(lines_of_note(log, 1000) == log_line("err", "last"));
    std::string many;
    for (int i = 0; i < 1000; ++i) {
        many += log_line("err", "error");
    }
    write_file(log, many, 0600);
    CHECK(lines_of_note(log, 1000).size() <= 1000);
}

TEST_CASE("a large log is kept compressed, a small one as it is") {
    const TemporaryRoot root;
    const auto log = root.path("/puppet.jsonl");
    const auto compressed = root.path("/puppet.jsonl.gz");
    write_file(log, chatter(mebibyte / 2), 0600);
    compress_log(log, compressed);
    CHECK(root.exists("/puppet.jsonl"));
    CHECK_FALSE(root.exists("/puppet.jsonl.gz"));
    compress_log(root.path("/none"), compressed);
    CHECK_FALSE(root.exists("/puppet.jsonl.gz"));

    write_file(log, chatter(3 * mebibyte), 0600);
    compress_log(log, compressed);
    CHECK_FALSE(root.exists("/puppet.jsonl"));
    CHECK(root.mode("/puppet.jsonl.gz") == 0600);
    const std::string kept = read_file(compressed, mebibyte);
    CHECK(kept.size() < mebibyte / 10);
    CHECK(decompress_gzip(kept, 4 * mebibyte) == chatter(3 * mebibyte));
}

TEST_CASE("a log that cannot be compressed stays") {
    const TemporaryRoot root;
    const auto log = root.path("/puppet.jsonl");
    write_file(log, chatter(2 * mebibyte), 0600);
    CHECK_THROWS_AS(compress_log(log, root.path("/no/folder/puppet.jsonl.gz")), Error);
    CHECK(root.exists("/puppet.jsonl"));
}
