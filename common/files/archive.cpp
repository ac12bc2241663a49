#include "common/files/archive.hpp"

#include "common/base/encoding.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"

#include <archive.h>
#include <archive_entry.h>

#include <array>
#include <memory>
#include <vector>

namespace bootwright {

namespace {

struct FreeArchive {
    void operator()(archive* handle) const { archive_read_free(handle); }
};

Error refused(const std::string& why) {
    return permanent_error("archive.invalid", "the archive is refused: " + why, "look at it with `tar tvzf`");
}

class Reader {
public:
    Reader(const std::filesystem::path& file, const ArchiveLimits& limits) : limits_(limits) {
        constexpr std::size_t block = std::size_t{64} << 10U;
        if (archive_read_support_filter_gzip(handle_.get()) != ARCHIVE_OK ||
            archive_read_support_format_tar(handle_.get()) != ARCHIVE_OK ||
            archive_read_set_options(handle_.get(), "hdrcharset=UTF-8") != ARCHIVE_OK ||
            archive_read_open_filename(handle_.get(), file.c_str(), block) != ARCHIVE_OK) {
            throw damaged();
        }
    }

    void run(const std::function<void(const ArchivedFile&)>& take) {
        archive_entry* entry = nullptr;
        int code = ARCHIVE_OK;
        while ((code = archive_read_next_header(handle_.get(), &entry)) == ARCHIVE_OK) {
            if (++entries_ > limits_.files) {
                throw refused("it holds more than " + counted(limits_.files, "file"));
            }
            const std::string path = path_of(entry);
            const auto kind = archive_entry_filetype(entry);
            if (archive_entry_hardlink(entry) != nullptr || (kind != AE_IFREG && kind != AE_IFDIR)) {
                throw refused(shown(path) + " is a link, a device or the like");
            }
            if (kind == AE_IFDIR) {
                continue;
            }
            if (path.empty()) {
                throw refused("a file lies outside its folder");
            }
            constexpr unsigned owner_may_execute = 0100;
            take({path, (archive_entry_perm(entry) & owner_may_execute) != 0, content_of(path)});
        }
        if (code != ARCHIVE_EOF || entries_ == 0) {
            throw entries_ == 0 && code == ARCHIVE_EOF ? refused("it is empty") : damaged();
        }
    }

private:
    static std::string shown(const std::string& path) { return "\"" + printable(shortened(path, 200)) + "\""; }

    [[nodiscard]] Error damaged() const {
        const char* why = archive_error_string(handle_.get());
        return refused(why == nullptr ? "it is damaged" : printable(shortened(why, 300)));
    }

    /// The path below the top folder; "" for that folder itself.
    std::string path_of(archive_entry* entry) {
        const char* raw = archive_entry_pathname_utf8(entry);
        if (raw == nullptr) {
            throw refused("a file's name is not UTF-8");
        }
        std::string path = raw;
        while (path.starts_with("./")) {
            path.erase(0, 2);
        }
        if (path.ends_with('/')) {
            path.pop_back();
        }
        std::vector<std::string> parts = split(path, '/');
        if (path.size() > limits_.path || parts.size() > limits_.depth) {
            throw refused(shown(path) + " is too long a path");
        }
        for (const std::string& part : parts) {
            if (part.empty() || part == "." || part == ".." || printable(part) != part ||
                part.find('\\') != std::string::npos) {
                throw refused(shown(path) + " is no plain path");
            }
        }
        if (top_.empty()) {
            top_ = parts.front();
        }
        if (parts.front() != top_) {
            throw refused(shown(path) + " lies beside the folder " + shown(top_));
        }
        return path.size() > top_.size() ? path.substr(top_.size() + 1) : "";
    }

    std::string content_of(const std::string& path) {
        std::string content;
        std::array<char, std::size_t{64} << 10U> buffer{};
        for (;;) {
            const la_ssize_t count = archive_read_data(handle_.get(), buffer.data(), buffer.size());
            if (count < 0) {
                throw damaged();
            }
            if (count == 0) {
                return content;
            }
            content.append(buffer.data(), static_cast<std::size_t>(count));
            bytes_ += static_cast<std::uint64_t>(count);
            if (content.size() > limits_.bytes_of_file || bytes_ > limits_.bytes) {
                throw refused(shown(path) + " makes it larger than a module may be");
            }
        }
    }

    const ArchiveLimits& limits_;
    std::unique_ptr<archive, FreeArchive> handle_{archive_read_new()};
    std::string top_{};
    std::size_t entries_ = 0;
    std::uint64_t bytes_ = 0;
};

}  // namespace

void read_archive(const std::filesystem::path& file, const ArchiveLimits& limits,
                  const std::function<void(const ArchivedFile&)>& take) {
    Reader(file, limits).run(take);
}

}  // namespace bootwright
