# Every flag with its reason. They hold for our own sources only: the headers of libraries are SYSTEM.

option(BOOTWRIGHT_WERROR "Warnings are errors" ON)
set(BOOTWRIGHT_SANITIZE "" CACHE STRING "For -fsanitize=: address,undefined or thread")
option(BOOTWRIGHT_COVERAGE "Count executed lines, for gcov" OFF)

add_compile_options(
    # --- what most people mean by warnings
    -Wall
    -Wextra
    -Wpedantic              # ISO C++ only: it must build with another compiler, and on Debian 14's

    # --- numbers
    -Wconversion            # a size that is silently cut to int is how a cap on input is passed by
    -Wsign-conversion       # the same for a negative number that becomes a huge one (read() returns -1)
    -Wdouble-promotion      # float to double by accident: the delays of retries are double throughout
    -Wimplicit-fallthrough  # a switch that falls through must say so

    # --- classes
    -Wnon-virtual-dtor      # ports are structs with virtual functions, deleted through the base
    -Woverloaded-virtual    # a fake that hides a function of its port, instead of overriding it
    -Wsuggest-override      # a changed port must break its fakes at compile time
    -Wextra-semi

    # --- names
    -Wshadow                # two things called the same in one function: the wrong one gets read
    -Wmissing-declarations  # a function that is neither in a header nor private to its file: its header was not included

    # --- pointers and strings
    -Wold-style-cast        # (T)x hides which of the four casts it is
    -Wcast-align            # parsing bytes in place is undefined on ARM
    -Wcast-qual             # a cast that loses const writes into what is not ours
    -Wformat=2              # a format string must be a literal

    # --- logic; only g++ knows these
    $<$<CXX_COMPILER_ID:GNU>:-Wduplicated-cond>      # if (a) … else if (a)
    $<$<CXX_COMPILER_ID:GNU>:-Wduplicated-branches>  # both arms do the same: a copy that was not edited
    $<$<CXX_COMPILER_ID:GNU>:-Wlogical-op>           # x || x, and & where && was meant

    # --- left out on purpose
    # -Wuseless-cast: a cast from uint64_t to size_t is useless on amd64 and needed on i386; we build for both.
    # -Wnull-dereference: only works when optimising, and there reports libstdc++'s own inlined code.
    -Wno-missing-field-initializers # {.url = x} means that the rest has its default
    # g++ 13 and 14 take every temporary among the arguments for what a returned reference is of: at(json, {"a", "b"}).
    $<$<CXX_COMPILER_ID:GNU>:-Wno-dangling-reference>
)

if(BOOTWRIGHT_WERROR)
    add_compile_options(-Werror)
endif()

# No folder of the machine that builds may end up in the program: the same sources give the same bytes.
add_compile_options("-ffile-prefix-map=${CMAKE_SOURCE_DIR}/=")

# Checks of operator[], front() and the like: an abort instead of a read of foreign memory. Cheap enough for release.
add_compile_definitions(_GLIBCXX_ASSERTIONS)

# Times after 2038, files beyond 2 GiB, inodes beyond 32 bits. A 64-bit system has no other; what of the libraries' interfaces
# has a time or an offset in it is in docs/decisions/0038.
if(CMAKE_SIZEOF_VOID_P EQUAL 4)
    add_compile_definitions(_TIME_BITS=64 _FILE_OFFSET_BITS=64)
endif()

add_link_options(-Wl,--as-needed) # each program loads only the libraries that it calls

set(CMAKE_POSITION_INDEPENDENT_CODE ON) # addresses are randomised (ASLR)
include(CheckPIESupported)
check_pie_supported()

if(CMAKE_BUILD_TYPE STREQUAL "Release")
    set(CMAKE_CXX_FLAGS_RELEASE "-Os -DNDEBUG") # speed would only make a program larger that waits for others
    add_compile_options(
        -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 # memcpy and friends check the sizes that the compiler knows
        -fstack-protector-strong              # an overrun buffer on the stack ends the program before it returns
        -fstack-clash-protection              # a large frame cannot jump over the guard page
        -ffunction-sections -fdata-sections   # for --gc-sections below
    )
    if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64|i[3-6]86")
        add_compile_options(-fcf-protection) # indirect jumps land only where they may (IBT, shadow stack)
    elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64")
        add_compile_options(-mbranch-protection=standard) # the same on ARM
    endif()
    add_link_options(
        -Wl,-z,relro -Wl,-z,now # all symbols are bound at start, then the table is read-only
        -Wl,-z,noexecstack
        -Wl,--gc-sections       # functions that nobody calls are left out
    )
endif()

if(BOOTWRIGHT_SANITIZE)
    set(CMAKE_CXX_FLAGS_DEBUG "${CMAKE_CXX_FLAGS_DEBUG} -g1") # file and line are all that a report shows
    add_compile_options(
        -fsanitize=${BOOTWRIGHT_SANITIZE}
        -fno-sanitize-recover=all # the first finding ends the program: a test cannot pass over it
        -fno-omit-frame-pointer   # readable stacks
    )
    add_link_options(-fsanitize=${BOOTWRIGHT_SANITIZE})
    if(BOOTWRIGHT_SANITIZE MATCHES thread)
        add_compile_options(-Wno-tsan) # Boost.Asio fences; what it guards is its own
    endif()
endif()

if(BOOTWRIGHT_COVERAGE)
    add_compile_options(--coverage -fprofile-update=atomic) # the counters of threads would otherwise race
    add_link_options(--coverage)
endif()
