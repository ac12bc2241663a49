#include "agent/daemon/metadata_watch.hpp"

#include "agent/platform/instance_metadata.hpp"
#include "test/fakes/platform_world.hpp"

#include <catch2/catch_test_macros.hpp>

#include <poll.h>

#include <algorithm>
#include <future>

using namespace bootwright;
using namespace std::chrono_literals;

namespace {

using Answers = std::vector<FakeHttp::Answer>;
constexpr const char* user_data = "GET /latest/user-data";

HttpResponse served(std::string body) { return {.status = 200, .body = std::move(body)}; }

/// Watches until the change is told; true if it was.
bool watched_until_changed(PlatformWorld& world, std::uint64_t seen) {
    const MetadataWatch watch(world.fake.system, world.config, seen);
    pollfd event{.fd = watch.changed_fd(), .events = POLLIN, .revents = 0};
    poll(&event, 1, 10'000);
    return watch.has_changed();
}

}  // namespace

TEST_CASE("a change of the metadata is noticed at the look after it, and the looks are spread by jitter") {
    PlatformWorld world("ec2/root-nitro");
    const std::uint64_t seen = fingerprint(world.read());
    const std::string same = *world.read().user_data;
    world.fake.http.answer(user_data, Answers{served(same), served(same), served("{}")});
    world.fake.random = 0.25;
    CHECK(watched_until_changed(world, seen));
    CHECK(world.fake.clock.slept == std::vector<std::chrono::milliseconds>{52500ms, 52500ms, 52500ms});
}

TEST_CASE("a service that fails is no change, and is looked at again later") {
    PlatformWorld world("ec2/root-nitro");
    const std::uint64_t seen = fingerprint(world.read());
    const std::string same = *world.read().user_data;
    world.fake.http.answer(user_data, Answers{HttpResponse{.status = 500}, HttpResponse{.status = 503}, served(same),
                                              HttpResponse{.status = 404}});
    CHECK(watched_until_changed(world, seen));  // by the 404: the user-data was taken away
    CHECK(world.fake.clock.slept.size() == 6);
}

TEST_CASE("a service that says changed all the time, and serves the same, is asked no more than each five seconds") {
    PlatformWorld world("gce/root");
    world.fake.random = 0.5;
    const std::uint64_t seen = fingerprint(world.read());
    const std::string wait =
        "GET /computeMetadata/v1/instance/attributes/?recursive=true&wait_for_change=true&timeout_sec=61";
    const HttpResponse at_once{.status = 200, .headers = {{"metadata-flavor", "Google"}}, .body = "{}"};
    world.fake.http.answer(wait + "&last_etag=0", Answers{at_once});
    world.fake.clock.on_sleep = [&](std::size_t number) {
        if (number == 3) {
            change_answer(world, "gce/root", "/computeMetadata/v1/instance/?recursive=true",
                          [](Json& body) { body["attributes"]["user-data"] = "e30="; });
        }
    };
    CHECK(watched_until_changed(world, seen));
    CHECK(world.fake.clock.slept == std::vector<std::chrono::milliseconds>{5s, 5s, 5s});
    const auto asked = world.fake.http.asked();
    CHECK(std::count(asked.begin(), asked.end(), wait + "&last_etag=0") == 4);
}

TEST_CASE("a watch ends when it is told to, and where nothing changes nothing else ends it") {
    PlatformWorld world("ec2/root-nitro");
    const std::uint64_t seen = fingerprint(world.read());
    std::promise<void> has_looked_often;
    world.fake.clock.on_sleep = [&](std::size_t sleeps) {
        if (sleeps == 10) {
            has_looked_often.set_value();
        }
    };
    bool has_changed = true;
    {
        const MetadataWatch watch(world.fake.system, world.config, seen);
        has_looked_often.get_future().wait();
        has_changed = watch.has_changed();
    }
    CHECK_FALSE(has_changed);
}
