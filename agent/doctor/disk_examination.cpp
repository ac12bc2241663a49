// Whether there is room where bootwright writes.

#include "agent/doctor/examination.hpp"
#include "agent/doctor/patient.hpp"
#include "common/files/room.hpp"

#include <sys/statvfs.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <string>

namespace bootwright {

namespace {

namespace fs = std::filesystem;

/// The folder, or what stands above it and exists.
fs::path existing(fs::path folder) {
    std::error_code error;
    while (!fs::exists(folder, error) && folder.has_relative_path()) {
        folder = folder.parent_path();
    }
    return folder;
}

Finding look_at(const System& system, const std::string& folder) {
    constexpr std::uint64_t least_bytes = std::uint64_t{64} << 20U;  // a fetch, its checkout, and the record of a run
    constexpr std::uint64_t least_files = 2000;
    const fs::path path = existing(system.path(folder));
    struct statvfs status {};
    if (statvfs(path.c_str(), &status) != 0) {
        return finding_of(system_call_error("look at", path.string(), errno));
    }
    if ((status.f_flag & ST_RDONLY) != 0) {
        return bad(folder + " is mounted read-only",
                   "`dmesg` says why, if it was not always so; then mount it writable: `findmnt -T " + folder + "`");
    }
    const Room room = room_in(path);
    if (room.bytes < least_bytes || room.files < least_files) {
        return bad(folder + " has only " + room.shown() + " left",
                   "free some: `df -h " + folder + "` and `df -i " + folder +
                       "` show the file system, `du -xh --max-depth=2` what fills it");
    }
    return good(folder + " has " + room.shown() + " left");
}

std::vector<Finding> look(const Patient& patient, std::stop_token) {
    constexpr std::array<const char*, 4> folders{"/var/lib/bootwright", "/run/bootwright", "/var/cache/bootwright",
                                                 "/tmp"};
    std::vector<Finding> findings;
    findings.reserve(folders.size());
    for (const char* folder : folders) {
        findings.push_back(look_at(patient.system, folder));
    }
    return findings;
}

const Examination disk_examination{.key = "disk", .limit = std::chrono::seconds(5), .look = look};
const Registered<Examination> registered(disk_examination);

}  // namespace

}  // namespace bootwright
