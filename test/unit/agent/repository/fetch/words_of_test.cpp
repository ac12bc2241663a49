#include "agent/repository/fetch/words_of.hpp"

#include "agent/repository/proof/seal.hpp"
#include "test/fakes/fetch_tests.hpp"
#include "test/fakes/fetch_world.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>

using namespace bootwright;
using namespace bootwright::fetch_tests;

TEST_CASE("a checkout is told with the words of its commit, and with what changed since the last good revision") {
    World world;
    const std::string first = world.request.revision;
    const Checkout one = world.fetch();
    CHECK(one.words.subject == "one");
    CHECK(one.words.author == "a");
    CHECK(one.words.written == 1795348800);
    CHECK(one.words.before.empty());
    CHECK(read_seal(one.folder)->words.subject == "one");
    world.request.protect = {first};
    world.request.revision = world.push("two");
    const Checkout two = world.fetch();
    CHECK(two.words.subject == "two");
    CHECK(two.words.before == first);
    CHECK(two.words.files_changed == 1);
    for (const std::string& other : {std::string(40, 'e'), std::string("main"), world.request.revision}) {
        CAPTURE(other);
        world.request.protect = {other};
        world.request.policy += ", again";  // else nothing is looked at
        CHECK(world.fetch().words.before.empty());
    }
}

TEST_CASE("no secret of the request is in the words of a commit") {
    World world;
    world.request.name_url = Url::parse("https://user:hunter2@git.example.com/x.git").value();
    world.request.revision = world.push("hunter2");
    CHECK(world.fetch().words.subject.find("hunter2") == std::string::npos);
}
