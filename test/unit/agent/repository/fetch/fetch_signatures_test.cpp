// Which signatures, and which tags, let a revision be used.

#include "agent/repository/fetch/fetch.hpp"

#include "agent/repository/proof/seal.hpp"
#include "common/base/error.hpp"
#include "test/fakes/fetch_tests.hpp"
#include "test/fakes/fetch_world.hpp"
#include "test/fakes/git_program.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

using namespace bootwright;
using namespace bootwright::fetch_tests;

namespace {

using Verify = AgentConfig::Repository::Verify;

/// A control repository whose commits and tags can be signed with a key that the image knows, or with another one.
struct SigningWorld : World {
    SigningWorld() {
        server(
            "ssh-keygen -q -t ed25519 -N '' -f ../key; ssh-keygen -q -t ed25519 -N '' -f ../stranger; "
            "echo \"ann@example.com $(cat ../key.pub)\" > ../allowed_signers");
    }
    [[nodiscard]] std::string signed_commit(const std::string& key, const std::string& content) const {
        return server(with(key) + "echo " + content + " > manifests/site.pp; $git commit -q -a -S -m " + content +
                      "; git rev-parse HEAD");
    }
    void tag(const std::string& name, const std::string& key) const {
        server(key.empty() ? "git tag -a -m " + name + " " + name : with(key) + "$git tag -s -m " + name + " " + name);
    }

private:
    static std::string with(const std::string& key) {
        return "git='git -c gpg.format=ssh -c user.signingkey=../" + key + "'\n";
    }
};

}  // namespace

TEST_CASE("a revision that is signed as the image asks is used, and its signer is told") {
    SigningWorld world;
    world.request.revision = world.signed_commit("key", "signed");
    world.tag("v1", "key");
    world.request.settings.verify = GENERATE(Verify::none, Verify::tag, Verify::commit, Verify::both);
    const std::string signer = world.request.settings.verify == Verify::none ? "" : "ann@example.com";
    CHECK(world.fetch().signer == signer);
    CHECK(read_seal(world.request.checkouts / world.request.revision)->signer == signer);
    CHECK(world.fetch().signer == signer);  // from disk
}

TEST_CASE("a tag is told if it was proven, or asked for by name, and no other") {
    SigningWorld world;
    world.tag("a-stranger", "stranger");
    world.tag("b-good", "key");
    CHECK(world.fetch().words.tag.empty());
    world.request.settings.verify = Verify::tag;
    CHECK(world.fetch().words.tag == "b-good");
    world.request.settings.verify = Verify::none;
    world.request.revision = GENERATE("a-stranger", "refs/tags/a-stranger");
    CHECK(world.fetch().words.tag == "a-stranger");
    world.request.revision = "main";
    CHECK(world.fetch().words.tag.empty());
}

TEST_CASE("a revision that is not signed as the image asks is not checked out") {
    struct Row {
        const char* name;
        Verify verify;
        const char* commit_key;  ///< "": not signed
        const char* tag_key;     ///< nullptr: no tag; "": not signed
        const char* code;
    };
    const Row row = GENERATE(values<Row>({
        {"no signature", Verify::commit, "", "key", "repository.signature_missing"},
        {"a stranger's", Verify::commit, "stranger", "key", "repository.signature_untrusted"},
        {"no tag", Verify::tag, "key", nullptr, "repository.signature_missing"},
        {"a tag without a signature", Verify::tag, "key", "", "repository.signature_missing"},
        {"a tag of a stranger", Verify::tag, "key", "stranger", "repository.signature_untrusted"},
        {"both, of which the tag lacks", Verify::both, "key", nullptr, "repository.signature_missing"},
        {"both, of which the commit lacks", Verify::both, "", "key", "repository.signature_missing"},
    }));
    CAPTURE(row.name);
    SigningWorld world;
    const bool is_signed = *row.commit_key != '\0';
    world.request.revision = is_signed ? world.signed_commit(row.commit_key, "two") : world.push("two");
    if (row.tag_key != nullptr) {
        world.tag("v1", row.tag_key);
    }
    world.request.settings.verify = row.verify;
    const Error error = world.failure();
    CHECK(error.code == row.code);
    CHECK(error.kind == ErrorKind::permanent);
    CHECK(world.checkouts().empty());
}

TEST_CASE("of several tags one that is good is enough") {
    SigningWorld world;
    world.tag("a-stranger", "stranger");
    world.tag("b-unsigned", "");
    world.tag("c-good", "key");
    world.request.settings.verify = Verify::tag;
    CHECK(world.fetch().signer == "ann@example.com");
}

TEST_CASE("a tag that is signed, but leads to another commit, proves nothing") {
    SigningWorld world;
    world.tag("v1", "key");
    const std::string tag = world.server("git rev-parse v1");
    world.request.revision = world.push("two");
    // A server that says the tag leads to it.
    world.set_places({"https://git.example.com/x.git"});
    world.downloads.serve("https://git.example.com/x.git", [&](const DownloadRequest& request) {
        const GitAnswer answer{.commit = world.request.revision, .tags = {{"refs/tags/v1", tag}}, .has_pack = true};
        return gives(request, pack_of(world.root.path() / "server", {world.request.revision, tag}),
                     {{"git", to_json(answer)}});
    });
    world.request.settings.verify = Verify::tag;
    CHECK(world.failure().code == "repository.signature_missing");
    CHECK(world.checkouts().empty());
}

TEST_CASE("a revision that was fetched without tags gets them once a signed tag is asked for") {
    SigningWorld world;
    world.tag("v1", "key");
    world.fetch();
    world.request.settings.verify = Verify::tag;
    CHECK(world.fetch().signer == "ann@example.com");
    world.switch_server_off();
    CHECK(world.fetch().signer == "ann@example.com");
}

TEST_CASE("an old signed tag does not pass for a new one") {
    SigningWorld world;
    world.tag("v1", "key");
    world.push("two");
    world.tag("v2", "key");
    world.request.settings.verify = GENERATE(Verify::none, Verify::tag);
    world.request.revision = GENERATE("v2", "refs/tags/v2");
    world.server("git update-ref refs/tags/v2 $(git rev-parse refs/tags/v1)");
    const Error error = world.failure();
    CHECK(error.code == "repository.tag_misnamed");
    CHECK(error.kind == ErrorKind::permanent);
    CHECK(error.message.find("\"v1\"") != std::string::npos);
    CHECK(world.checkouts().empty());
}

TEST_CASE("of a tag's long name a hundred bytes are told") {
    World world;
    const std::string name(200, 't');
    world.server("git tag -a -m x " + name + "; git update-ref refs/tags/v2 $(git rev-parse refs/tags/" + name + ")");
    world.request.revision = "v2";
    const Error error = world.failure();
    CHECK(error.code == "repository.tag_misnamed");
    CHECK(error.message.find("\"" + name.substr(0, 100) + "…\"") != std::string::npos);
}

TEST_CASE("a branch that is called as the tag is no way around its name") {
    SigningWorld world;
    world.tag("v1", "key");
    world.server("git branch v2 v1^{commit}");
    world.request.settings.verify = Verify::tag;
    world.request.revision = "v2";
    CHECK(world.failure().code == "repository.tag_misnamed");
    world.request.revision = "refs/heads/v2";
    CHECK(world.fetch().signer == "ann@example.com");
}

TEST_CASE("of a tag of a tag each one is looked at: what counts is signed, and has the name") {
    SigningWorld world;
    world.tag("v1", "key");
    world.request.settings.verify = Verify::tag;
    world.request.revision = "v2";
    const bool is_signed = GENERATE(true, false);
    world.server(std::string("git ") + (is_signed ? "-c gpg.format=ssh -c user.signingkey=../key tag -s" : "tag -a") +
                 " -m outer v2 $(git rev-parse refs/tags/v1)");
    if (is_signed) {
        CHECK(world.fetch().signer == "ann@example.com");
    } else {
        CHECK(world.failure().code == "repository.signature_missing");
    }
    // The inner one is as good as ever.
    world.request.revision = world.server("git rev-parse v1^{commit}");
    world.server("git update-ref -d refs/tags/v1");
    CHECK(world.fetch().signer == "ann@example.com");
}
