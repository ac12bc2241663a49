#include "agent/record/installed_packages.hpp"

#include "common/base/error.hpp"
#include "common/base/log.hpp"
#include "common/base/text.hpp"
#include "common/files/file.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace bootwright {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t largest_database = std::size_t{64} << 20U;

// The state of all packages, and changes to it that dpkg has not merged into it yet: a file for each, named by a number.
// https://git.dpkg.org/cgit/dpkg/dpkg.git/tree/lib/dpkg/dbmodify.c
fs::path status_file(const System& system) { return system.path("/var/lib/dpkg/status"); }
fs::path updates_folder(const System& system) { return system.path("/var/lib/dpkg/updates"); }

struct Installed {
    std::string_view version;
    std::string_view state;
};
/// By name and architecture.
using Database = std::map<std::pair<std::string_view, std::string_view>, Installed>;

/// The fields of a paragraph that matter (https://manpages.debian.org/deb822.5).
struct Paragraph {
    std::string_view package;
    std::string_view architecture;
    std::string_view version;
    std::string_view status;  ///< "install ok installed"

    void read(std::string_view line) {
        take(line, "Package: ", package);
        take(line, "Architecture: ", architecture);
        take(line, "Version: ", version);
        take(line, "Status: ", status);
    }

private:
    static void take(std::string_view line, std::string_view key, std::string_view& value) {
        if (line.starts_with(key)) {
            value = trimmed(line.substr(key.size()));
        }
    }
};

/// The last word of the status.
std::string_view state_in(const Paragraph& paragraph) {
    return paragraph.status.substr(paragraph.status.rfind(' ') + 1);
}

/// What is nothing that dpkg writes is passed over, since it would be kept for years.
bool is_sound(const Paragraph& paragraph) {
    constexpr std::size_t longest = 255;
    return is_made_of(paragraph.package, "+-._", longest) && is_made_of(paragraph.architecture, "-", longest) &&
           is_made_of(paragraph.version, ".+-~:_", longest) && is_made_of(state_in(paragraph), "-", longest);
}

/// A later paragraph replaces an earlier one of the same package.
void add(Database& all, const Paragraph& paragraph) {
    const std::string_view state = state_in(paragraph);
    const std::pair key(paragraph.package, paragraph.architecture);
    if (state == "not-installed" || state == "config-files") {
        all.erase(key);
    } else if (is_sound(paragraph)) {
        all[key] = {paragraph.version, state};
    }
}

/// Returns false if the text ends within a line, which dpkg never writes.
bool read_paragraphs(std::string_view text, Database& all) {
    Paragraph paragraph;
    while (!text.empty()) {
        const std::size_t end = text.find('\n');
        if (end == std::string_view::npos) {
            return false;
        }
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(end + 1);
        if (line.empty()) {
            add(all, paragraph);
            paragraph = {};
        } else {
            paragraph.read(line);
        }
    }
    add(all, paragraph);
    return true;
}

/// In the order in which dpkg merges them.
std::vector<fs::path> updates(const System& system) {
    std::vector<fs::path> files;
    std::error_code error;
    for (fs::directory_iterator at(updates_folder(system), error), end; !error && at != end; at.increment(error)) {
        if (is_digits(at->path().filename().string())) {
            files.push_back(at->path());
        }
    }
    std::sort(files.begin(), files.end());
    return files;
}

bool is_whole(std::string_view state) { return state == "installed" || state.starts_with("triggers-"); }

Packages by_name(const Database& all) {
    std::string_view native;  // dpkg is built for it
    for (const auto& [key, installed] : all) {
        native = key.first == "dpkg" ? key.second : native;
    }
    Packages packages;
    for (const auto& [key, installed] : all) {
        const auto& [package, architecture] = key;
        const bool is_usual = architecture == native || architecture == "all";
        packages[std::string(package) + (is_usual ? "" : ":" + std::string(architecture))] =
            std::string(installed.version) + (is_whole(installed.state) ? "" : " " + std::string(installed.state));
    }
    return packages;
}

std::string stamp_of(const fs::path& path) {
    struct stat status {};
    if (stat(path.c_str(), &status) != 0) {
        return "";
    }
    std::string stamp;
    for (const std::int64_t number : {static_cast<std::int64_t>(status.st_ino), std::int64_t{status.st_size},
                                      std::int64_t{status.st_mtim.tv_sec}, std::int64_t{status.st_mtim.tv_nsec},
                                      std::int64_t{status.st_ctim.tv_sec}, std::int64_t{status.st_ctim.tv_nsec}}) {
        stamp += std::to_string(number) + " ";
    }
    return stamp;
}

}  // namespace

std::optional<Packages> installed_packages(const System& system) try {
    // First, as dpkg removes them once they are in the new state of all.
    std::string changes;
    for (const fs::path& update : updates(system)) {
        changes += read_file_if_exists(update, largest_database - changes.size()).value_or("") + "\n";
    }
    const auto status = read_file_if_exists(status_file(system), largest_database);
    if (!status) {
        return std::nullopt;
    }
    Database all;
    if (!read_paragraphs(*status, all) || !read_paragraphs(changes, all)) {
        log(LogLevel::warning,
            "which packages are installed is not recorded: " + status_file(system).string() + " ends within a line");
        return std::nullopt;
    }
    return by_name(all);
} catch (const Error& error) {
    log(LogLevel::warning, "which packages are installed is not recorded: " + error.message);
    return std::nullopt;
}

std::string package_database_stamp(const System& system) {
    const std::string status = stamp_of(status_file(system));
    return status.empty() ? "" : status + stamp_of(updates_folder(system));
}

}  // namespace bootwright
