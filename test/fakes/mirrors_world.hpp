#pragma once

#include "common/base/error.hpp"
#include "test/fakes/fetch_world.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <vector>

namespace bootwright::mirrors_tests {

inline constexpr const char* a = "https://a.example.com/puppet.git";
inline constexpr const char* b = "https://b.example.com/puppet.git";
inline constexpr const char* c = "https://c.example.com/puppet.git";

inline Error away() { return transient_error("server.unreachable", "nobody answers", "wait"); }
inline Error denied() { return permanent_error("server.access_denied", "no", "check the token"); }

/// A repository that is at several places of the network.
struct World : FetchWorld {
    World() { set_places({a, b, c}); }

    [[nodiscard]] FakeDownloads::Server good() const { return git_server(root.path() / "server"); }

    /// What each place said, as "HOST: what".
    [[nodiscard]] std::vector<std::string> said() const {
        std::vector<std::string> answers;
        for (const PlaceAnswer& answer : heard) {
            answers.push_back(answer.place.substr(8, 1) + ": " + answer.said);
            CHECK(answer.seconds >= 0);
        }
        return answers;
    }
};

}  // namespace bootwright::mirrors_tests
