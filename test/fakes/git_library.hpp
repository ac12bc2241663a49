#pragma once

#include "common/git.hpp"
#include "test/fakes/temporary_root.hpp"

namespace bootwright {

/// libgit2 as the child that fetches has it, for as long as this lives.
struct GitInTest {
    TemporaryRoot home{};
    GitLibrary library{GitSettings{.home = home.path()}};
};

inline void no_progress(std::string_view, std::uint64_t, std::uint64_t) {}

}  // namespace bootwright
