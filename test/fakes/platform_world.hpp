#pragma once

#include "agent/platform/platform.hpp"
#include "test/fakes/answers.hpp"
#include "test/fakes/errors.hpp"

#include <functional>
#include <string>
#include <string_view>

namespace bootwright {

/// A captured machine whose metadata service answers as it was captured, until a test says otherwise.
struct PlatformWorld {
    explicit PlatformWorld(std::string_view root) { replay(fake, root); }

    InstanceMetadata read() { return platform().read(fake.system, config, {}); }
    Error failure() {
        return error_of([&] { return read(); });
    }
    const Platform& platform() { return find_platform(fake.system, config, {}); }

    /// The value of a request's header, or "-"; the request is the n-th of all.
    [[nodiscard]] std::string header(std::size_t n, std::string_view name) const {
        for (const auto& [key, value] : fake.http.requests.at(n).headers) {
            if (key == name) {
                return value;
            }
        }
        return "-";
    }

    FakeSystem fake{};
    AgentConfig config{};
};

/// The captured JSON answer at `path`, changed, as the answer from then on.
inline void change_answer(PlatformWorld& world, std::string_view root, const std::string& path,
                          const std::function<void(Json& body)>& change) {
    for (Json& answer : Json::parse(fixture(std::string(root) + "/metadata-answers.json"))) {
        if (string_at(answer, "path") == path) {
            change(answer["body"]);
            world.fake.http.answer("GET " + path, {response_of(answer)});
        }
    }
}

}  // namespace bootwright
