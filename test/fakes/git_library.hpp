#pragma once

#include "common/git/git.hpp"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#endif

namespace bootwright {

/// libgit2 1.8.4 loses the repository object where git_repository_open_bare fails on a damaged configuration file. What is
/// allocated while this lives is no leak of ours.
struct LeaksOfLibgit2 {
    LeaksOfLibgit2() {
#ifdef __SANITIZE_ADDRESS__
        __lsan_disable();
#endif
    }
    LeaksOfLibgit2(const LeaksOfLibgit2&) = delete;
    LeaksOfLibgit2& operator=(const LeaksOfLibgit2&) = delete;
    ~LeaksOfLibgit2() {
#ifdef __SANITIZE_ADDRESS__
        __lsan_enable();
#endif
    }
};

/// libgit2 as the child that fetches has it, for as long as this lives.
struct GitInTest {
    GitLibrary library{};
};

inline void no_progress(std::string_view, std::uint64_t, std::uint64_t) {}

}  // namespace bootwright
