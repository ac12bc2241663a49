#include "agent/servers/growing_input.hpp"

#include "common/base/error.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace bootwright {

void GrowingInput::read_to(std::uint64_t end, const std::function<void(std::string_view bytes)>& take) {
    open_if_closed();
    std::array<char, std::size_t{128} << 10U> buffer{};
    while (done_ < end) {
        const auto most = static_cast<std::size_t>(std::min<std::uint64_t>(end - done_, buffer.size()));
        const ssize_t count = pread(fd_.get(), buffer.data(), most, static_cast<off_t>(done_));
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0) {
            throw system_call_error("read", path_.string(), errno);
        }
        if (count == 0) {
            return;  // shorter than was said: the lack is found later
        }
        take(std::string_view(buffer.data(), static_cast<std::size_t>(count)));
        done_ += static_cast<std::uint64_t>(count);
    }
}

void GrowingInput::open_if_closed() {
    if (fd_) {
        return;
    }
    fd_ = UniqueFd(open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    struct stat status {};
    if (!fd_ || fstat(fd_.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
        throw transient_error(
            "repository.fetch_crashed",
            "bootwright-download says that it has written " + path_.string() + ", and no regular file is there",
            "a server may have taken it over; else report this as a defect of bootwright");
    }
}

}  // namespace bootwright
