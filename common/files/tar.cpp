// The format ustar (POSIX.1-2017, pax, "ustar Interchange Format"). libarchive's writer would bring a library for hashes, for a
// few lines.

#include "common/files/tar.hpp"

#include "common/base/encoding.hpp"
#include "common/base/error.hpp"
#include "common/files/file.hpp"

#include <algorithm>
#include <cerrno>
#include <numeric>
#include <string_view>

namespace bootwright {

namespace {

constexpr std::size_t block = 512;

std::string octal(std::uint64_t number, std::size_t digits) {
    std::string text(digits, '0');
    for (auto digit = text.rbegin(); digit != text.rend(); ++digit, number >>= 3U) {
        *digit = static_cast<char>('0' + (number & 7U));
    }
    return text;
}

/// Where the path is cut in two: at the first slash after which the rest fits. 0: it need not be cut.
std::size_t cut_of(const std::string& path) {
    constexpr std::size_t longest_name = 100;
    constexpr std::size_t longest_prefix = 155;
    if (path.size() <= longest_name) {
        return 0;
    }
    const std::size_t slash = path.find('/', path.size() - longest_name - 1);
    if (slash == std::string::npos || slash > longest_prefix) {
        throw system_call_error("pack", path, ENAMETOOLONG);
    }
    return slash;
}

std::string header_of(const std::string& path, std::uint64_t size, std::int64_t time) {
    std::string header(block, '\0');
    const auto put = [&](std::size_t offset, std::string_view text) { header.replace(offset, text.size(), text); };
    const std::size_t cut = cut_of(path);
    put(0, cut == 0 ? std::string_view(path) : std::string_view(path).substr(cut + 1));
    put(100, octal(0600, 7));
    put(108, octal(0, 7));  // root
    put(116, octal(0, 7));
    put(124, octal(size, 11));
    put(136, octal(static_cast<std::uint64_t>(std::max<std::int64_t>(time, 0)), 11));
    put(148, std::string(8, ' '));  // what the sum counts of itself
    put(156, "0");                  // a regular file
    put(257, std::string_view("ustar\0"
                              "00",
                              8));
    put(345, std::string_view(path).substr(0, cut));
    const auto sum = std::accumulate(header.begin(), header.end(), std::uint64_t{0}, [](std::uint64_t so_far, char c) {
        return so_far + static_cast<unsigned char>(c);
    });
    put(148, octal(sum, 6) + std::string("\0 ", 2));
    return header;
}

}  // namespace

void write_tar_gz(const std::filesystem::path& file, const std::string& top, const std::vector<PackedFile>& files,
                  std::int64_t time) {
    FileReplacement archive(file, 0600);
    for (const PackedFile& each : files) {
        const std::size_t rest = each.content.size() % block;
        archive.append(compress_gzip(header_of(top + "/" + each.path, each.content.size(), time) + each.content +
                                     std::string(rest == 0 ? 0 : block - rest, '\0')));
    }
    archive.append(compress_gzip(std::string(2 * block, '\0')));  // the end of the archive
    archive.finish();
}

}  // namespace bootwright
