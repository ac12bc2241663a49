#include "common/files/room.hpp"

#include "common/base/error.hpp"
#include "common/base/text.hpp"

#include <sys/statvfs.h>

#include <cerrno>
#include <limits>

namespace bootwright {

std::string mebibytes(std::uint64_t bytes) { return std::to_string(bytes >> 20U) + " MiB"; }

std::string Room::shown() const {
    const bool counts_files = files != std::numeric_limits<std::uint64_t>::max();
    return mebibytes(bytes) + (counts_files ? " and " + counted(files, "file") : "");
}

Room room_in(const std::filesystem::path& folder) {
    struct statvfs free {};
    if (statvfs(folder.c_str(), &free) != 0) {
        throw system_call_error("ask for free space in", folder.string(), errno);
    }
    return {.bytes = std::uint64_t{free.f_bavail} * free.f_frsize,
            .files = free.f_files == 0 ? std::numeric_limits<std::uint64_t>::max() : std::uint64_t{free.f_favail},
            .block = free.f_bsize};
}

void require_room(const std::filesystem::path& folder, std::string_view when) {
    constexpr std::uint64_t margin = std::uint64_t{8} << 20U;
    const Room room = room_in(folder);
    if (room.bytes < margin || room.files == 0) {
        throw transient_error("io.no_space",
                              std::string(when) + ", " + folder.string() + " has room for " + room.shown() + "; " +
                                  mebibytes(margin) + " must stay free",
                              "free space there: `df -h` and `df -i` show it");
    }
}

}  // namespace bootwright
