#include "test/fakes/platform_world.hpp"

#include "agent/platform/detection.hpp"

namespace bootwright {

PlatformWorld::PlatformWorld(std::string_view root) { replay(fake, root); }

InstanceMetadata PlatformWorld::read() {
    return read_instance(find_platform(fake.system, config, {}), fake.system, config, {});
}

Error PlatformWorld::failure() {
    return error_of([&] { return read(); });
}

const Platform& PlatformWorld::platform() { return *find_platform(fake.system, config, {}).platform; }

std::string PlatformWorld::header(std::size_t n, std::string_view name) const {
    for (const auto& [key, value] : fake.http.requests.at(n).headers) {
        if (key == name) {
            return value;
        }
    }
    return "-";
}

void change_answer(PlatformWorld& world, std::string_view root, const std::string& path,
                   const std::function<void(Json& body)>& change) {
    for (Json& answer : Json::parse(fixture(std::string(root) + "/metadata-answers.json"))) {
        if (string_at(answer, "path") == path) {
            change(answer["body"]);
            world.fake.http.answer("GET " + path, {response_of(answer)});
        }
    }
}

}  // namespace bootwright
