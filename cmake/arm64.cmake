# For arm64, on Debian's amd64 with g++-aarch64-linux-gnu and the libraries of arm64 beside its own: cmake --preset release --toolchain cmake/arm64.cmake
# test/arm64 has all that it needs.

set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(ENV{PKG_CONFIG_LIBDIR} /usr/lib/aarch64-linux-gnu/pkgconfig:/usr/share/pkgconfig)
set(CPACK_DEBIAN_PACKAGE_ARCHITECTURE arm64)
