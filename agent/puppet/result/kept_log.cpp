#include "agent/puppet/result/kept_log.hpp"

#include "common/base/encoding.hpp"
#include "common/base/error.hpp"
#include "common/files/file.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <string_view>
#include <system_error>

namespace bootwright {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t piece = std::size_t{1} << 20U;

/// Puppet writes the level first.
/// https://github.com/puppetlabs/puppet/blob/7.23.0/lib/puppet/util/log.rb: to_structured_hash
bool is_below_warning(std::string_view line) {
    constexpr std::array<std::string_view, 3> beginnings{R"({"level":"notice",)", R"({"level":"info",)",
                                                         R"({"level":"debug",)"};
    return std::any_of(beginnings.begin(), beginnings.end(),
                       [&](std::string_view beginning) { return line.starts_with(beginning); });
}

/// Calls `take` with the file piece after piece; not at all if there is none.
template <typename Take>
void read_pieces(const fs::path& path, Take take) {
    std::ifstream input(path, std::ios::binary);
    std::string bytes(piece, '\0');
    while (input.read(bytes.data(), static_cast<std::streamsize>(bytes.size())), input.gcount() > 0) {
        take(std::string_view(bytes).substr(0, static_cast<std::size_t>(input.gcount())));
    }
    if (input.bad()) {
        throw system_call_error("read", path.string(), EIO);
    }
}

}  // namespace

std::string lines_of_note(const fs::path& log, std::size_t most) {
    std::string found;
    std::string line;
    const auto end_line = [&] {
        if (!is_below_warning(line) && found.size() + line.size() < most) {
            found += line + "\n";
        }
        line.clear();
    };
    read_pieces(log, [&](std::string_view bytes) {
        while (!bytes.empty()) {
            const std::size_t end = bytes.find('\n');
            line += bytes.substr(0, end).substr(0, most - std::min(most, line.size()));
            bytes.remove_prefix(end == std::string_view::npos ? bytes.size() : end + 1);
            if (end != std::string_view::npos) {
                end_line();
            }
        }
    });
    if (!line.empty()) {
        end_line();
    }
    return found;
}

void compress_log(const fs::path& log, const fs::path& compressed) {
    std::error_code absent;
    const std::uintmax_t size = fs::file_size(log, absent);
    if (absent || size <= piece) {
        return;
    }
    FileReplacement file(compressed, 0600);
    read_pieces(log, [&](std::string_view bytes) { file.append(compress_gzip(bytes)); });
    file.finish();
    remove_tree(log);
}

}  // namespace bootwright
