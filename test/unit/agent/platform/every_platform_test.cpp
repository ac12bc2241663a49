// What holds for every platform: each fixture with a fixture.json is a machine, what its metadata service answers, and what
// is to come of it. A new platform is tested here as soon as its folder is there.

#include "agent/platform/detection.hpp"
#include "agent/platform/platform.hpp"

#include "agent/platform/stop_notice.hpp"
#include "common/base/text.hpp"
#include "test/fakes/answers.hpp"
#include "test/fakes/errors.hpp"
#include "test/fakes/fixtures.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>

#include <algorithm>
#include <functional>

using namespace bootwright;
namespace fs = std::filesystem;

namespace {

std::vector<std::string> names_of_fixtures() {
    std::vector<std::string> names;
    for (const auto& folder : fs::directory_iterator(fixture_path(""))) {
        if (fs::exists(folder.path() / "fixture.json")) {
            names.push_back(folder.path().filename());
        }
    }
    std::sort(names.begin(), names.end());
    return names;
}

struct World {
    explicit World(const std::string& name) : about(Json::parse(fixture(name + "/fixture.json"))) {
        const std::string root = name + "/" + string_at(about, "root");
        if (fs::exists(fixture_path(root) / "metadata-answers.json")) {
            replay(fake, root);
        } else {
            fake.root.copy(fixture_path(root));
        }
    }
    InstanceMetadata read() { return read_instance(find_platform(fake.system, {}, {}), fake.system, {}, {}); }

    /// The keys of all answers over HTTP: "GET /latest/user-data".
    [[nodiscard]] std::vector<std::string> answers() const {
        const std::string file = "/metadata-answers.json";
        std::vector<std::string> keys;
        const Json all = fake.root.exists(file) ? Json::parse(fake.root.read(file)) : Json::array();
        for (const Json& answer : all) {
            if (answer.value("method", "GET") != "RUN") {
                keys.push_back(answer.value("method", "GET") + " " + string_at(answer, "path"));
            }
        }
        return keys;
    }
    [[nodiscard]] bool is_user_data(const std::string& key) const {
        return !about.at("user_data").is_null() && key == "GET " + string_at(about, "user_data");
    }

    Json about;
    FakeSystem fake{};
};

/// Of those with a metadata service over HTTP.
std::vector<std::string> names_of_services() {
    std::vector<std::string> names = names_of_fixtures();
    std::erase_if(names, [](const std::string& name) { return World(name).answers().empty(); });
    return names;
}

/// What the service may answer in the place of one of its documents.
struct Fault {
    const char* name;
    HttpResponse response;
};

const std::vector<Fault>& unknown_answers() {
    static const std::vector<Fault> faults{{"500", {.status = 500}},
                                           {"503", {.status = 503}},
                                           {"302", {.status = 302, .headers = {{"location", "http://10.0.0.1/"}}}},
                                           {"400", {.status = 400}},
                                           {"403", {.status = 403}},
                                           {"429", {.status = 429}},
                                           {"a page", {.status = 200, .body = "<!DOCTYPE html><html>sign in</html>"}}};
    return faults;
}

const std::vector<Fault>& bad_answers() {
    static const std::vector<Fault> faults{
        {"404", {.status = 404}},
        {"204", {.status = 204}},
        {"nothing", {.status = 200}},
        {"garbage", {.status = 200, .body = std::string("\x7f\x00\xfe{[", 5)}},
        {"an empty list", {.status = 200, .body = "[]"}},
        {"another type", {.status = 200, .body = R"({"id": {}, "tags": 5, "meta": []})"}}};
    return faults;
}

}  // namespace

TEST_CASE("every platform tells of its instance what its cloud's documents say") {
    const std::string name = GENERATE(from_range(names_of_fixtures()));
    CAPTURE(name);
    World world(name);
    const InstanceMetadata metadata = world.read();
    CHECK(to_json(metadata) == world.about.at("expected"));
    CHECK(std::string(trimmed(metadata.user_data.value_or("(none)"))) ==
          trimmed(string_at(world.about, "expected_user_data")));
    CHECK_FALSE(metadata.user_data_origin.empty());
    const bool may_be_roots =
        metadata.platform == "file" || metadata.platform == "credential" || metadata.platform == "nocloud";
    CHECK((may_be_roots || !metadata.user_data_is_roots));
}

TEST_CASE(
    "a role file takes the place of the user-data on every cloud, and the cloud still says which instance it is") {
    const std::string name = GENERATE(from_range(names_of_fixtures()));
    CAPTURE(name);
    World world(name);
    world.fake.root.write("/etc/bootwright/role.json", "{\"role\": \"file\"}");
    const Detection found = find_platform(world.fake.system, {}, {});
    if (name == "nocloud") {  // named by its kernel command line, which is more explicit
        CHECK(found.platform->name() == "nocloud");
        return;
    }
    CHECK(found.platform->name() == "file");
    const InstanceMetadata metadata = world.read();
    CHECK(to_json(metadata) == world.about.at("expected"));
    CHECK(metadata.user_data == "{\"role\": \"file\"}");
    CHECK(metadata.user_data_origin == "/etc/bootwright/role.json");
    CHECK(metadata.user_data_is_roots);
}

TEST_CASE("beside a role file, too, a cloud that says nothing is no absence: the machine takes no other identity") {
    const std::string name = GENERATE(from_range(names_of_services()));
    CAPTURE(name);
    World world(name);
    world.fake.root.write("/etc/bootwright/role.json", "{\"role\": \"file\"}");
    for (const std::string& key : world.answers()) {
        world.fake.http.answer(key, {transient_error("http.timeout", "silence", "wait")});
    }
    CHECK(error_of([&] { return world.read(); }).code == "http.timeout");
}

TEST_CASE("on no platform an answer that is neither present nor absent ends as no user-data") {
    const std::string name = GENERATE(from_range(names_of_services()));
    for (const std::string& key : World(name).answers()) {
        for (const Fault& fault : unknown_answers()) {
            CAPTURE(name, key, fault.name);
            World world(name);
            world.fake.http.answer(key, {fault.response});
            try {
                const InstanceMetadata metadata = world.read();
                CHECK(metadata.user_data.has_value());  // it had no need of this answer, or asked another way
                CHECK_FALSE(world.is_user_data(key));
            } catch (const Error& error) {
                CHECK(error.code != "internal");
                CHECK_FALSE(error.advice.empty());
            }
        }
    }
}

TEST_CASE("on no platform a bad document loses the user-data that is elsewhere, or makes some up") {
    const std::string name = GENERATE(from_range(names_of_services()));
    for (const std::string& key : World(name).answers()) {
        for (const Fault& fault : bad_answers()) {
            CAPTURE(name, key, fault.name);
            World world(name);
            const auto whole = world.read().user_data;
            world.fake.http.answer(key, {fault.response});
            try {
                const InstanceMetadata metadata = world.read();
                CHECK_FALSE(metadata.instance_id.empty());
                if (!world.is_user_data(key)) {
                    CHECK(metadata.user_data == whole);
                } else if (fault.response.status == 200) {
                    CHECK(metadata.user_data == fault.response.body);
                } else {
                    CHECK(metadata.user_data == std::nullopt);
                }
            } catch (const Error& error) {
                CHECK_FALSE(error.advice.empty());
            }
        }
    }
}

namespace {

/// Those whose cloud says that it will take the instance away: notices.json is a list of answers, and of what they mean.
std::vector<std::string> names_of_those_with_notices() {
    std::vector<std::string> names = names_of_services();
    std::erase_if(names, [](const std::string& name) { return !fs::exists(fixture_path(name) / "notices.json"); });
    return names;
}

Json notices_of(const std::string& name) { return Json::parse(fixture(name + "/notices.json")); }

/// {why, at}, or null.
Json asked_for_notice(World& world) {
    const auto notice = find_platform(world.fake.system, {}, {}).instance->stop_notice(world.fake.system, {}, {});
    return notice ? Json{{"why", notice->why}, {"at", notice->at}} : Json();
}

}  // namespace

TEST_CASE("a notice that the cloud takes the instance away is told from none") {
    const std::string name = GENERATE(from_range(names_of_those_with_notices()));
    for (const Json& row : notices_of(name)) {
        CAPTURE(name, to_line(row));
        World world(name);
        for (const Json& answer : row.at("answers")) {
            world.fake.http.answer("GET " + string_at(answer, "path"), {response_of(answer)});
        }
        CHECK(asked_for_notice(world) == row.at("expected"));
        const auto begin = [&] {
            check_not_going_away(*find_platform(world.fake.system, {}, {}).instance, world.fake.system, {}, {});
            return 0;
        };
        if (row.at("expected").is_null()) {
            CHECK_NOTHROW(begin());
        } else {
            const Error error = error_of(begin);
            CHECK(error.code == "platform.going_away");
            CHECK(error.kind == ErrorKind::stopped);
        }
    }
}

TEST_CASE("an answer to the question for a notice that says nothing is no notice") {
    const std::string name = GENERATE(from_range(names_of_those_with_notices()));
    std::vector<Fault> faults = unknown_answers();
    faults.insert(faults.end(), bad_answers().begin(), bad_answers().end());
    for (const Json& row : notices_of(name)) {
        for (const Json& answer : row.at("answers")) {
            for (const Fault& fault : faults) {
                CAPTURE(name, to_line(answer), fault.name);
                World world(name);
                world.fake.http.answer("GET " + string_at(answer, "path"), {fault.response});
                try {
                    const Json notice = asked_for_notice(world);
                    CHECK(notice.is_null());
                } catch (const Error& error) {
                    CHECK(error.kind != ErrorKind::stopped);
                }
                check_not_going_away(*find_platform(world.fake.system, {}, {}).instance, world.fake.system, {}, {});
            }
        }
    }
}

TEST_CASE("on every platform the question for a notice is harmless") {
    const std::string name = GENERATE(from_range(names_of_fixtures()));
    CAPTURE(name);
    World world(name);
    const Platform& platform = *find_platform(world.fake.system, {}, {}).instance;
    check_not_going_away(platform, world.fake.system, {}, {});
    CHECK(world.fake.http.requests.size() <= 3);
    for (const HttpRequest& request : world.fake.http.requests) {
        CHECK(request.timeout <= std::chrono::seconds(2));
    }
}

TEST_CASE("on every platform a service that cannot be reached is no absence") {
    const std::string name = GENERATE(from_range(names_of_services()));
    for (const std::string& key : World(name).answers()) {
        CAPTURE(name, key);
        World world(name);
        world.fake.http.answer(key, {transient_error("http.timeout", "silence", "wait")});
        try {
            const InstanceMetadata metadata = world.read();
            CHECK(metadata.user_data.has_value());
            CHECK_FALSE(world.is_user_data(key));
        } catch (const Error& error) {
            CHECK(error.code == "http.timeout");
        }
    }
}
