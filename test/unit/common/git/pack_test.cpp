// What enters the repository without a network: packs.

#include "common/base/error.hpp"
#include "common/files/file.hpp"
#include "common/git/git.hpp"
#include "test/fakes/errors.hpp"
#include "test/fakes/git_library.hpp"
#include "test/fakes/git_program.hpp"
#include "test/fakes/temporary_root.hpp"
#include "test/fakes/two_repositories.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <algorithm>
#include <cstddef>
#include <fstream>
#include <sstream>

using namespace bootwright;
using namespace bootwright::pack_tests;
namespace fs = std::filesystem;

TEST_CASE("a pack that arrives in pieces becomes visible at its end, and only then") {
    Two two;
    const auto step = GENERATE(1UL, 19UL, 100'000UL);
    const std::string pack = two.pack(two.head + "\\n");
    {
        std::uint64_t total = 0;
        GitPackImport import(two.ours, [&](std::string_view, std::uint64_t, std::uint64_t of) { total = of; });
        for (std::size_t at = 0; at < pack.size(); at += step) {
            import.append(std::string_view(pack).substr(at, step));
        }
        CHECK_FALSE(two.ours.has_commit(two.head));
        import.finish();
        CHECK(total > 5);
    }
    CHECK(two.ours.is_complete(two.head));
    CHECK(two.ours.is_complete(two.first));
    CHECK_FALSE(two.has_left_overs());
    two.ours.keep(two.head);
    CHECK_FALSE(two.ours.is_shallow(two.head));
    two.fsck();
    two.check_out_equals_git(two.head);
    two.import(pack);  // a second time changes nothing
    CHECK(two.packs() == 1);
}

TEST_CASE("a shallow pack is enough for its commit; keeping it tells git that the parents are left out") {
    Two two;
    two.import(two.shallow_pack(two.head));
    CHECK(two.ours.is_complete(two.head));
    CHECK_FALSE(two.ours.has_commit(two.first));
    two.ours.keep(two.head);
    CHECK(two.ours.is_shallow(two.head));
    two.fsck();
    CHECK(two.ours.kept() == std::vector{two.head});
    two.check_out_equals_git(two.head);

    SECTION("until they arrive") {
        two.import(two.shallow_pack(two.first));
        two.ours.keep(two.first);
        CHECK_FALSE(two.ours.is_shallow(two.head));
        CHECK_FALSE(two.ours.is_shallow(two.first));
        CHECK_FALSE(fs::exists(two.path() / "shallow"));
        two.fsck();
    }
    SECTION("what others wrote there stays") {
        write_file(two.path() / "shallow", std::string(40, '1') + "\n" + two.head + "\n", 0644);
        two.ours.keep(two.head);
        CHECK(two.ours.is_shallow(std::string(40, '1')));
        CHECK(two.ours.is_shallow(two.head));
    }
    SECTION("after a restart too") {
        two.open_again();
        CHECK(two.ours.kept() == std::vector{two.head});
        CHECK(two.ours.is_complete(two.head));
        two.ours.forget(two.head);
        two.ours.forget(two.first);  // never kept
        CHECK(two.ours.kept().empty());
    }
}

TEST_CASE("a parent that arrives without its own parents leaves the history open") {
    Two two;
    const std::string third = two.shell("echo three > three; git add -A; git commit -q -m three; git rev-parse HEAD");
    two.import(two.shallow_pack(third));
    two.ours.keep(third);
    two.import(two.shallow_pack(two.head));
    two.ours.keep(third);
    two.fsck();
    CHECK(two.ours.is_shallow(third));
    two.ours.keep(two.head);
    two.fsck();
    CHECK(two.ours.is_shallow(two.head));
}

TEST_CASE("a thin pack is completed from what is there, or from an alternate") {
    Two two;
    const std::string thin = two.pack(two.head + "\\n^" + two.first + "\\n", "--thin");
    SECTION("of the repository") {
        two.import(two.pack(two.first + "\\n"));
        two.import(thin);
        CHECK(two.ours.is_complete(two.head));
        two.ours.keep(two.head);
        two.fsck();
    }
    SECTION("of an alternate") {
        two.shell("git clone -q --bare . ../seed.git; git -C ../seed.git update-ref refs/heads/main " + two.first +
                  "; git -C ../seed.git gc -q --prune=now");
        two.ours.add_alternate(two.root.path() / "seed.git");
        CHECK(two.ours.is_complete(two.first));
        CHECK_FALSE(two.ours.has_commit(two.head));
        two.import(thin);
        CHECK(two.ours.is_complete(two.head));
        two.ours.keep(two.head);
        CHECK_FALSE(two.ours.is_shallow(two.head));
        two.fsck("GIT_ALTERNATE_OBJECT_DIRECTORIES=../seed.git/objects");
        two.check_out_equals_git(two.head);
    }
    SECTION("but not out of nothing") {
        CHECK(error_of([&] { return two.import(thin), 0; }).code == "git.pack_damaged");
        CHECK_FALSE(two.ours.has_commit(two.head));
    }
    CHECK_FALSE(two.has_left_overs());
}

TEST_CASE("an alternate that is not there, or is damaged as a whole, is no error") {
    Two two;
    two.root.write("/a-file", "x");
    two.root.write("/no-objects/HEAD", "x");
    two.root.write("/odd/objects/pack/pack-x.idx", "x");
    for (const char* name : {"absent", "a-file", "no-objects", "odd"}) {
        two.ours.add_alternate(two.root.path() / name);
    }
    CHECK_FALSE(two.ours.has_commit(two.head));
    two.import(two.pack(two.head + "\\n"));
    CHECK(two.ours.is_complete(two.head));
}

TEST_CASE("what is kept in an alternate alone survives being opened again, and is forgotten when that goes") {
    Two two;
    two.shell("git clone -q --bare . ../seed.git");
    const fs::path seed = two.root.path() / "seed.git";
    two.ours.add_alternate(seed);
    two.ours.keep(two.head);
    two.ours = GitRepository::open_or_create(two.path(), {seed});
    CHECK(two.ours.kept() == std::vector{two.head});
    CHECK(two.ours.repack(0) == false);
    two.ours = GitRepository::open_or_create(two.path(), {two.root.path() / "absent"});
    CHECK(two.ours.kept().empty());
    two.fsck();
}

TEST_CASE("a damaged pack is refused, and nothing of it is ever visible") {
    Two two;
    const std::string whole = two.pack(two.head + "\\n");
    const auto check_refused = [&](const std::string& damaged) {
        const Error error = error_of([&] { return two.import(damaged), 0; });
        CHECK(error.code == "git.pack_damaged");
        CHECK(error.kind == ErrorKind::transient);
        CHECK_FALSE(two.ours.has_commit(two.head));
        CHECK_FALSE(two.has_left_overs());
    };
    SECTION("truncated") {
        for (std::size_t tenth = 0; tenth < 10; ++tenth) {
            CAPTURE(tenth);
            check_refused(whole.substr(0, whole.size() * tenth / 10));
        }
        check_refused(whole.substr(0, whole.size() - 1));
    }
    SECTION("a flipped bit") {
        for (std::size_t at = 0; at < whole.size(); at += std::max<std::size_t>(1, whole.size() / 300)) {
            CAPTURE(at);
            std::string damaged = whole;
            damaged[at] = static_cast<char>(damaged[at] ^ (1 << (at % 8)));
            check_refused(damaged);
        }
    }
    SECTION("no pack at all") {
        check_refused("");
        check_refused("<!DOCTYPE html><html><body>503 Service Unavailable</body></html>");
        check_refused(std::string(5000, '\0'));
        check_refused("PACK" + std::string(5000, '\xFF'));
    }
    SECTION("another trailer") { check_refused(whole.substr(0, whole.size() - 20) + std::string(20, 'x')); }
    SECTION("something after its end") { check_refused(whole + "rest"); }
    two.import(whole);
    CHECK(two.ours.is_complete(two.head));
}

TEST_CASE("a pack that claims more objects, or more bytes, than anybody has is refused before it costs much") {
    Two two;
    SECTION("objects") {
        const std::string many("PACK\0\0\0\2\x7F\xFF\xFF\xFF", 12);
        CHECK(error_of([&] { return two.import(many + std::string(100, 'x')), 0; }).code == "git.pack_damaged");
    }
    SECTION("bytes") {
        GitPackImport import(two.ours, no_progress, 1000);
        const std::string pack = two.pack(two.head + "\\n");
        REQUIRE(pack.size() > 1000);
        const Error error = error_of([&] { return import.append(pack), 0; });
        CHECK(error.code == "git.pack_too_large");
        CHECK(error.kind == ErrorKind::permanent);
    }
    CHECK_FALSE(two.has_left_overs());
}

TEST_CASE("a pack of the largest size that is taken can be read") {
    Two two;
    two.import(two.shallow_pack(two.head));
    // In a place of its own: libgit2 knows a pack by its path for as long as anything holds it.
    const fs::path large = two.root.path() / "large.git";
    fs::copy(two.path(), large, fs::copy_options::recursive);
    const fs::path pack = large / shell_with_git(large, "ls objects/pack/*.pack");
    // A hole before the checksum, which is what libgit2 compares of a pack's end.
    constexpr std::size_t checksum_bytes = 20;
    const std::string whole = read_file(pack, 1 << 24);
    fs::permissions(pack, fs::perms::owner_write, fs::perm_options::add);
    fs::resize_file(pack, most_pack_bytes - checksum_bytes);
    std::ofstream(pack, std::ios::binary | std::ios::app) << whole.substr(whole.size() - checksum_bytes);
    CHECK(fs::file_size(pack) == most_pack_bytes);
    CHECK(GitRepository::open_or_create(large).is_complete(two.head));
}

TEST_CASE("what goes on after the end of a pack is refused") {
    const Two two;
    const std::string pack = two.shallow_pack(two.head);
    GitPackImport import(two.ours, no_progress);
    import.append(pack.substr(0, pack.size() - 20));
    import.append(pack.substr(pack.size() - 20));
    CHECK(error_of([&] {
              import.append("x");
              return 0;
          }).code == "git.pack_damaged");
}

TEST_CASE("what the progress throws ends the import, and comes out as it is") {
    Two two;
    const std::string pack = two.pack(two.head + "\\n");
    GitPackImport import(two.ours, [](std::string_view, std::uint64_t, std::uint64_t) { throw stopped_error(); });
    CHECK(error_of([&] { return import.append(pack), 0; }).kind == ErrorKind::stopped);
}

TEST_CASE("what a killed import left behind is gone after the next start, and stops nothing") {
    Two two;
    two.import(two.shallow_pack(two.head));
    two.ours.keep(two.head);
    const std::string keep = "/ours.git/refs/bootwright/keep/";
    for (const std::string& path :
         {std::string("/ours.git/incoming/abc/pack_git2_x"), std::string("/ours.git/objects/pack/pack_git2_x"),
          std::string("/ours.git/objects/pack/tmp_pack_x"), std::string("/ours.git/objects/pack/pack-1.idx.lock"),
          "/ours.git/objects/pack/pack-" + std::string(40, '1') + ".pack",
          "/ours.git/objects/pack/pack-" + std::string(40, '2') + ".idx", keep + two.head + ".lock",
          std::string("/ours.git/packed-refs.lock"), std::string("/ours.git/shallow.lock")}) {
        two.root.write(path, "rest");
    }
    two.open_again();
    CHECK_FALSE(two.has_left_overs());
    CHECK(two.packs() == 1);
    two.ours.keep(two.head);
    two.fsck();
    CHECK_FALSE(two.root.exists("/ours.git/shallow.lock"));
}

TEST_CASE("a tree or blob that is missing is found, in whatever folder") {
    Two two;
    const char* missing = GENERATE("file", "deep", "deep/er", "deep/er/numbers", "link");
    CAPTURE(missing);
    two.shell("{ echo " + two.head + "; git rev-parse HEAD^{tree}; git ls-tree -rt HEAD | grep -v '\t" + missing +
              "$' | cut -d' ' -f3 | cut -f1; } | git pack-objects -q --stdout > ../made.pack");
    two.import(read_file(two.root.path() / "made.pack", 1 << 24));
    CHECK(two.ours.has_commit(two.head));
    CHECK_FALSE(two.ours.is_complete(two.head));
    CHECK(two.ours.first_missing(two.head) == missing);
    CHECK(two.ours.first_missing(two.first) == "");
}

TEST_CASE(
    "a bit that flipped in the repository's pack is the repository's fault, also where a checkout did not notice") {
    struct Bit {
        std::size_t at;
        unsigned mask;
    };
    Two two;
    two.import(two.pack(two.head + "\\n"));
    const std::string name = shell_with_git(two.path(), "ls objects/pack/*.pack");
    const std::string whole = read_file(two.path() / name, 1 << 24);
    std::vector<Bit> bits;
    for (std::size_t at = 20; at < whole.size(); at += whole.size() / 40) {
        bits.push_back({at, 4});
    }
    // The bits of each object's begin that say what it is (gitformat-pack(5)).
    std::istringstream offsets(
        shell_with_git(two.path(), "git verify-pack -v " + name + " | awk 'length($1) == 40 {printf \"%s \", $5}'"));
    for (std::size_t at = 0; offsets >> at;) {
        for (const unsigned mask : {0x10U, 0x20U, 0x40U}) {
            bits.push_back({at, mask});
        }
    }
    REQUIRE(bits.size() > 60);
    int found = 0;
    for (const Bit& bit : bits) {
        CAPTURE(bit.at, bit.mask);
        // Each in a place of its own: libgit2 knows a pack by its path for as long as anything holds it.
        const fs::path place = two.root.path() / ("damaged-" + std::to_string(bit.at * 256 + bit.mask));
        fs::create_directory(place);
        fs::copy(two.path(), place / "ours.git", fs::copy_options::recursive);
        std::string damaged = whole;
        damaged[bit.at] = static_cast<char>(static_cast<unsigned char>(damaged[bit.at]) ^ bit.mask);
        write_file(place / "ours.git" / name, damaged, 0644);
        const fs::path folder = place / "folder";
        fs::create_directory(folder);
        try {
            GitRepository ours = GitRepository::open_or_create(place / "ours.git");
            ours.check_out(two.head, folder, no_progress);
            // What this commit does not need may be damaged.
            CHECK(ours.first_difference(two.head, folder) == std::nullopt);
        } catch (const Error& error) {
            CAPTURE(error.message);
            CHECK(error.code == "git.corrupt");
            ++found;
        }
    }
    CHECK(found > 10);
}
