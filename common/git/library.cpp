#include "common/git/handles.hpp"

#include <git2/sys/alloc.h>

#include <malloc.h>

#include <atomic>
#include <cstdlib>

namespace {

/// A pack of 1 MB can hold deltas that unfold to terabytes, and libgit2 itself knows no limit. This is the limit:
/// beyond it libgit2 gets no memory, and says so.
constexpr std::size_t slack = 4096;  // of an object, what libgit2 needs beside its bytes
constexpr std::size_t most_objects_of_a_pack = 5'000'000;
// The index of a pack and the pack itself are read through windows, which libgit2 makes as large as 1 GiB.
constexpr std::size_t window = std::size_t{32} << 20U;
constexpr std::size_t most_windows = std::size_t{256} << 20U;

std::atomic<std::size_t> in_use = 0;

bool is_too_much(std::size_t more) {
    return more > bootwright::libgit2::largest_object + slack ||
           in_use.load(std::memory_order_relaxed) + more > bootwright::libgit2::most_memory;
}

// What these return is freed by libgit2, with the third of them.
// NOLINTBEGIN(cppcoreguidelines-no-malloc)
void* counted(void* memory) {
    in_use.fetch_add(malloc_usable_size(memory), std::memory_order_relaxed);
    return memory;
}
void* allocate(std::size_t size, const char*, int) {
    return is_too_much(size) ? nullptr : counted(std::malloc(size == 0 ? 1 : size));
}
void* reallocate(void* old, std::size_t size, const char*, int) {
    if (is_too_much(size)) {  // both may be there for a moment
        return nullptr;
    }
    const std::size_t before = malloc_usable_size(old);
    void* memory = std::realloc(old, size == 0 ? 1 : size);
    if (memory != nullptr) {
        in_use.fetch_sub(before, std::memory_order_relaxed);
    }
    return counted(memory);
}
void release(void* memory) {
    in_use.fetch_sub(malloc_usable_size(memory), std::memory_order_relaxed);
    std::free(memory);
}
// NOLINTEND(cppcoreguidelines-no-malloc)

}  // namespace

// Debian builds libgit2 with mbedTLS, and then it reads all certificate authorities of the system as it starts: a
// seventh of the time of a small fetch, though it speaks to nobody (docs/decisions/0003). No option of libgit2 prevents
// that. The function that it calls is looked for in this program first. This one reads none: libgit2 would trust no
// server.
extern "C" int mbedtls_x509_crt_parse_file(void* authorities, const char* file);
extern "C" int mbedtls_x509_crt_parse_file(void* /*authorities*/, const char* /*file*/) { return 0; }

namespace bootwright {

GitLibrary::GitLibrary() {
    static git_allocator allocator{allocate, reallocate, release};
    git_libgit2_opts(GIT_OPT_SET_ALLOCATOR, &allocator);
    git_libgit2_init();
    git_libgit2_opts(GIT_OPT_SET_PACK_MAX_OBJECTS, most_objects_of_a_pack);
    git_libgit2_opts(GIT_OPT_SET_MWINDOW_SIZE, window);
    git_libgit2_opts(GIT_OPT_SET_MWINDOW_MAPPED_LIMIT, most_windows);
    // The owner does not matter: only objects, which are hashed, and names of references are read.
    git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 0);
    for (const int level :
         {GIT_CONFIG_LEVEL_PROGRAMDATA, GIT_CONFIG_LEVEL_SYSTEM, GIT_CONFIG_LEVEL_XDG, GIT_CONFIG_LEVEL_GLOBAL}) {
        git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, level, "");
    }
    git_libgit2_opts(GIT_OPT_SET_HOMEDIR, "");
    git_libgit2_opts(GIT_OPT_ENABLE_FSYNC_GITDIR, 1);
}

GitLibrary::~GitLibrary() { git_libgit2_shutdown(); }

}  // namespace bootwright
