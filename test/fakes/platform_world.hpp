#pragma once

#include "agent/platform/platform.hpp"
#include "test/fakes/answers.hpp"
#include "test/fakes/errors.hpp"
#include "test/fakes/fake_system.hpp"
#include "test/fakes/fixtures.hpp"

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace bootwright {

/// A captured machine whose metadata service answers as it was captured, until a test says otherwise.
struct PlatformWorld {
    explicit PlatformWorld(std::string_view root);

    InstanceMetadata read();
    Error failure();
    const Platform& platform();

    /// The value of a request's header, or "-"; the request is the n-th of all.
    [[nodiscard]] std::string header(std::size_t n, std::string_view name) const;

    FakeSystem fake{};
    AgentConfig config{};
};

/// The captured JSON answer at `path`, changed, as the answer from then on.
void change_answer(PlatformWorld& world, std::string_view root, const std::string& path,
                   const std::function<void(Json& body)>& change);

}  // namespace bootwright
