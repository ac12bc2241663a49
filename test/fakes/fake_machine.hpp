#pragma once

#include "test/fakes/fake_puppet.hpp"
#include "test/fakes/fake_system.hpp"
#include "test/fakes/fixtures.hpp"

#include <string>

namespace bootwright {

inline constexpr const char* pinned_revision = "0123456789abcdef0123456789abcdef01234567";

std::string good_user_data();

/// A child that fetches, and says that the checkout is there.
FakeProcesses::Script good_fetch();

/// An EC2 instance on which everything goes well: metadata, user-data, repository and Puppet.
struct FakeMachine : FakeSystem {
    FakeMachine();
};

}  // namespace bootwright
