#pragma once

#include <string>

namespace bootwright {

/// The first sector of a FAT16 file system. @param label of eleven characters
inline std::string fat16_boot_sector(const std::string& label) {
    std::string sector(512, '\0');
    sector.replace(38, 1, "\x29").replace(43, 11, label).replace(54, 8, "FAT16   ").replace(510, 2, "\x55\xAA");
    return sector;
}

/// That of a FAT32 one.
inline std::string fat32_boot_sector(const std::string& label) {
    std::string sector(512, '\0');
    sector.replace(66, 1, "\x29").replace(71, 11, label).replace(82, 8, "FAT32   ").replace(510, 2, "\x55\xAA");
    return sector;
}

}  // namespace bootwright
