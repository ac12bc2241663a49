// Signatures, tags and descent.

#include "common/base/error.hpp"
#include "common/git/git.hpp"
#include "test/fakes/errors.hpp"
#include "test/fakes/temporary_root.hpp"
#include "test/fakes/two_repositories.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace bootwright;
using namespace bootwright::pack_tests;

TEST_CASE("signatures of commits and tags come with exactly the bytes that they sign") {
    Two two;
    const std::string commit = two.shell(
        "ssh-keygen -q -t ed25519 -N '' -C me -f ../key; echo \"me $(cat ../key.pub)\" > ../allowed\n"
        "git config gpg.format ssh; git config user.signingkey ../key.pub\n"
        "git commit -q --allow-empty -S -m signed; git tag -s -m 'a tag' v1; git tag -a -m plain v2\n"
        "git rev-parse HEAD");
    const std::string tag = two.shell("git rev-parse v1");
    const std::string plain = two.shell("git rev-parse v2");
    two.import(two.pack(commit + "\\nv1\\nv2\\n"));
    const auto verify = [&](const std::optional<SignedText>& text) {
        REQUIRE(text);
        two.root.write("/signature", text->signature);
        two.root.write("/payload", text->payload);
        CHECK(text->time == 1795348800);  // 2026-11-22T12:00:00Z
        two.shell("ssh-keygen -q -Y verify -f ../allowed -I me -n git -s ../signature < ../payload");
    };
    verify(two.ours.commit_signature(commit));
    verify(two.ours.tag_signature(tag));
    CHECK_FALSE(two.ours.commit_signature(two.head));
    CHECK_FALSE(two.ours.tag_signature(plain));
    CHECK(two.ours.follow_tag(tag).target == commit);
    CHECK(two.ours.tag_name(tag) == "v1");
}

TEST_CASE("nothing but a tag is kept as one") {
    Two two;
    two.import(two.pack(two.head + "\\n"));
    const std::string blob = two.shell("git rev-parse HEAD:file");
    const Error error = error_of([&] { return two.ours.keep(two.head, {blob}), 0; });
    CAPTURE(error.message);
    CHECK(error.code.starts_with("git."));
    CHECK(two.ours.kept().empty());
}

TEST_CASE("a tag's text that only quotes a signature is signed by its last one") {
    Two two;
    const std::string tag = two.shell(
        "printf 'object " + two.head +
        "\\ntype commit\\ntag v1\\ntagger a <a@example.com> 7 +0000\\n\\n-----BEGIN SSH SIGNATURE-----\\nquoted\\n"
        " -----BEGIN SSH SIGNATURE-----\\n-----BEGIN PGP SIGNATURE-----\\nlast' | "
        "git hash-object -t tag -w --stdin | tee ../tag; git tag v1 $(cat ../tag); cat ../tag");
    two.import(two.pack("v1\\n"));
    const auto text = two.ours.tag_signature(tag);
    REQUIRE(text);
    CHECK(text->signature == "-----BEGIN PGP SIGNATURE-----\nlast");
    CHECK(text->payload.ends_with("quoted\n -----BEGIN SSH SIGNATURE-----\n"));
    CHECK(text->time == 7);
}

TEST_CASE("a commit descends from its ancestors, as far as they are there") {
    Two two;
    const std::string merge = two.shell("git checkout -q -b side " + two.first +
                                        "; git commit -q --allow-empty -m side; git checkout -q main; "
                                        "git merge -q --no-edit side; git rev-parse HEAD");
    const std::string side = two.shell("git rev-parse side");
    two.import(two.pack(merge + "\\n"));
    for (const std::string& ancestor : {merge, two.head, side, two.first}) {
        CHECK(two.ours.descends_from(merge, ancestor));
    }
    CHECK_FALSE(two.ours.descends_from(two.first, merge));
    CHECK(two.ours.descent(two.first, merge) == Descent::refuted);
    CHECK(two.ours.descent(merge, std::string(40, '1')) == Descent::refuted);
    CHECK_FALSE(two.ours.descends_from(two.head, side));
    CHECK_FALSE(two.ours.descends_from(merge, std::string(40, '1')));
    Two shallow;
    shallow.import(shallow.shallow_pack(shallow.head));
    shallow.ours.keep(shallow.head);
    CHECK(shallow.ours.descends_from(shallow.head, shallow.first));  // the commit names it, though it is not there
    CHECK_FALSE(shallow.ours.descends_from(shallow.head, std::string(40, '1')));
    CHECK(shallow.ours.descent(shallow.head, std::string(40, '1')) == Descent::unknown);
}
