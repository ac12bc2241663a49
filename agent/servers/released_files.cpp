#include "agent/servers/released_files.hpp"

#include "common/base/error.hpp"
#include "common/base/text.hpp"

#include <algorithm>
#include <charconv>
#include <vector>

namespace bootwright {

namespace {

constexpr std::string_view plain = "100644";
constexpr std::string_view executable = "100755";

Error refused(const std::string& what) {
    return transient_error("repository.fetch_crashed", "bootwright-download hands over what it never does: " + what,
                           "a server may have taken it over; else report this as a defect of bootwright");
}

}  // namespace

std::string frame_of(const ArchivedFile& file) {
    std::string frame(file.is_executable ? executable : plain);
    frame += " " + std::to_string(file.content.size()) + " " + file.path;
    frame += '\0';
    return frame + file.content;
}

void ReleasedFilesReader::feed(std::string_view bytes, const Take& take) {
    while (!bytes.empty()) {
        if (!is_in_file_) {
            const std::size_t end = bytes.find('\0');
            head_ += bytes.substr(0, end);
            constexpr std::size_t numbers = 40;
            if (head_.size() > limits_.path + numbers) {
                throw refused("a path that is too long");
            }
            bytes.remove_prefix(end == std::string_view::npos ? bytes.size() : end + 1);
            if (end == std::string_view::npos) {
                return;
            }
            read_head();
        }
        const auto count =
            static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), wanted_ - file_.content.size()));
        file_.content += bytes.substr(0, count);
        bytes.remove_prefix(count);
        if (file_.content.size() == wanted_) {
            take(file_);
            file_ = {};
            is_in_file_ = false;
        }
    }
}

void ReleasedFilesReader::finish() const {
    if (is_in_file_ || !head_.empty()) {
        throw refused("a file without its end");
    }
}

void ReleasedFilesReader::read_head() {
    const std::size_t first = head_.find(' ');
    const std::size_t second = head_.find(' ', first + 1);
    if (first == std::string::npos || second == std::string::npos) {
        throw refused("no file");
    }
    const std::string mode = head_.substr(0, first);
    const char* begin = head_.data() + first + 1;
    const char* end = head_.data() + second;
    const auto [at, error] = std::from_chars(begin, end, wanted_);
    file_.path = head_.substr(second + 1);
    file_.is_executable = mode == executable;
    head_.clear();
    if (error != std::errc() || at != end || (mode != plain && mode != executable)) {
        throw refused("a file of another form");
    }
    if (wanted_ > limits_.bytes_of_file || wanted_ > limits_.bytes - bytes_ || ++files_ > limits_.files) {
        throw refused("more than a module may hold");
    }
    bytes_ += wanted_;
    is_in_file_ = true;
}

}  // namespace bootwright
