#include "agent/record/past.hpp"

#include "agent/record/history.hpp"
#include "agent/record/past_contents.hpp"
#include "agent/record/past_packages.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/files/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <utility>

namespace bootwright {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t largest_report = std::size_t{16} << 20U;
constexpr std::size_t largest_role_config = std::size_t{16} << 20U;

constexpr std::size_t longest_line = std::size_t{64} << 10U;  // all that is in it is short

fs::path history_file(const System& system) { return system.state() / "history.jsonl"; }

/// Whole lines of ours.
std::vector<std::string_view> lines_of(std::string_view text) {
    std::vector<std::string_view> lines;
    for (std::size_t end = text.find('\n'); end != std::string_view::npos; end = text.find('\n')) {
        if (const std::string_view line = text.substr(0, end); line.starts_with('{') && line.ends_with('}')) {
            lines.push_back(line);
        }
        text.remove_prefix(end + 1);
    }
    return lines;
}

/// The value at `key` as it stands in a line that to_line() wrote: no string within can hold the quotes around the key.
std::string_view text_at(std::string_view line, std::string_view key) {
    const std::size_t found = line.find(key);
    return found == std::string_view::npos ? std::string_view{} : line.substr(found + key.size());
}
std::string_view ended_at(std::string_view line) { return text_at(line, "\"ended\":\""); }
/// True if the run left the machine as it was: a lock stopped it, or an operator only wanted to know what would change.
bool did_nothing(std::string_view line) {
    return text_at(line, "\"outcome\":\"").starts_with("locked\"") || text_at(line, "\"noop\":").starts_with("true");
}
std::string_view began_at(std::string_view line) { return text_at(line, "\"began\":\""); }

/// The names of what the run of a line went by.
std::vector<std::string> contents_of(const Json& line) {
    std::vector<std::string> names;
    for (const Json& name : member_at(line, "kept")) {
        if (name.is_string()) {
            names.push_back(name.get<std::string>());
        }
    }
    return names;
}

Json short_error(const Json& error) {
    constexpr std::size_t longest_message = 200;
    return error.is_object() ? Json{{"stage", member_at(error, "stage")},
                                    {"code", member_at(error, "code")},
                                    {"message", shortened_within(string_at(error, "message"), longest_message)}}
                             : Json();
}

/// What the run went by and applied, by its names in the past.
Json keep_contents(const System& system, const fs::path& folder) {
    Json kept = Json::object();
    const auto keep = [&](const char* key, const fs::path& file) {
        const Json document = parse_json(read_or_empty(folder / file, largest_role_config));
        if (document.is_object()) {
            kept[key] = keep_document(system, document);
        }
    };
    keep("role_config", "role_config.json");
    keep("facts", fs::path("facts") / "bootwright.json");
    if (const std::string catalog = keep_packed(system, folder / "catalog.json.gz"); !catalog.empty()) {
        kept["catalog"] = catalog;
    }
    return kept;
}

/// A run without a report was cut off: by a crash of the agent, or of the machine.
/// @param packages as keep_packages() returns them
Json line_of(const System& system, int number, const Json& packages) {
    const fs::path folder = run_folder(system, number);
    Json kept = keep_contents(system, folder);
    if (const Json& names = member_at(packages, "kept"); names.is_object()) {
        kept.update(names);
    }
    const Json report = parse_json(read_or_empty(folder / "report.json", largest_report));
    const bool is_known = report.is_object();
    return {{"schema", history_schema},
            {"run", number},
            {"cause", member_at(report, "cause")},
            {"noop", member_at(report, "noop") == Json(true)},
            {"past_locks", member_at(report, "past_locks")},
            {"began", member_at(member_at(report, "started"), "wall")},
            {"ended", member_at(member_at(report, "finished"), "wall")},
            {"duration_s", member_at(report, "duration_s")},
            {"instance", member_at(member_at(report, "instance"), "id")},
            {"role", member_at(report, "role")},
            {"role_config", member_at(report, "role_config")},
            {"asked", member_at(member_at(report, "revision"), "asked")},
            {"revision", member_at(member_at(report, "revision"), "resolved")},
            {"configuration", member_at(member_at(report, "configuration"), "resolved")},
            {"repositories", member_at(report, "repositories")},
            {"outcome", is_known ? member_at(report, "outcome") : Json("cut_off")},
            {"good", is_known && member_at(report, "error").is_null()},
            {"error", short_error(member_at(report, "error"))},
            {"resources", member_at(report, "resources")},
            {"catalog_digest", member_at(report, "catalog_digest")},
            {"puppet_version", member_at(report, "puppet_version")},
            {"agent_version", member_at(report, "agent_version")},
            {"packages", member_at(packages, "packages")},
            {"kept", std::move(kept)}};
}

/// Appends whole lines, on disk before it returns. A line that a power cut left half-written is cut off first.
class Appending {
public:
    explicit Appending(fs::path path)
        : path_(std::move(path)), file_(open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)) {
        if (!file_) {
            throw system_call_error("open", path_.string(), errno);
        }
        const std::string text = read_file_end(path_, longest_line).value_or("");
        const std::size_t end = text.rfind('\n');
        const std::size_t half_line = text.size() - (end == std::string::npos ? 0 : end + 1);
        const off_t size = lseek(file_.get(), 0, SEEK_END);
        const off_t whole = size - static_cast<off_t>(half_line);
        if (size < 0 || ftruncate(file_.get(), whole) != 0 || lseek(file_.get(), whole, SEEK_SET) < 0) {
            throw system_call_error("write", path_.string(), errno);
        }
    }

    void append(const std::string& lines) {
        write_all(file_.get(), lines, path_);
        if (fdatasync(file_.get()) != 0) {
            throw system_call_error("write", path_.string(), errno);
        }
    }

private:
    fs::path path_;
    UniqueFd file_;
};

/// The oldest lines go: a quarter more than needed, so that the next runs need not rewrite the file again.
void shorten(const System& system, std::uint64_t most_bytes) {
    std::error_code error;
    const std::uintmax_t size = fs::file_size(history_file(system), error);
    if (error || size <= most_bytes) {
        return;
    }
    const std::string text = read_file(history_file(system), static_cast<std::size_t>(size));
    const std::size_t first = text.find('\n', text.size() - static_cast<std::size_t>(most_bytes / 4 * 3));
    write_file(history_file(system), std::string_view(text).substr(first == std::string::npos ? 0 : first + 1), 0600);
}

void thin_out_contents(const System& system, std::uint64_t most_bytes) {
    if (kept_bytes(system) <= most_bytes) {
        return;
    }
    const Past past(system);
    std::vector<std::string> names;
    for (std::size_t i = past.size(); i > 0; --i) {
        for (std::string& name : contents_of(past.line(i - 1))) {
            names.push_back(std::move(name));
        }
    }
    thin_out(system, names, most_bytes / 4 * 3);
}

}  // namespace

int last_remembered_run(const System& system) {
    const std::string end = read_file_end(history_file(system), longest_line).value_or("");
    const std::vector<std::string_view> lines = lines_of(end);
    constexpr std::uint64_t highest =
        999'999'999;  // as history.cpp has it: a damaged line is no reason to begin no run
    return lines.empty() ? 0 : static_cast<int>(std::min(number_at(parse_json(lines.back()), "run"), highest));
}

void remember_runs(const System& system, const PastLimits& limits) {
    const int last = last_remembered_run(system);
    std::string lines;
    const std::vector<int> runs = runs_after(system, last);
    for (const int number : runs) {
        // What was installed when an earlier run ended, nobody knows any more.
        const Json packages = number == runs.back() ? keep_packages(system) : Json();
        lines += to_line(line_of(system, number, packages)) + "\n";
    }
    if (!lines.empty()) {
        make_folder(system.state(), 0700);
        Appending(history_file(system)).append(lines);
    }
    shorten(system, limits.lines);
    thin_out_contents(system, limits.contents);
}

Past::Past(const System& system)
    : text_(read_file_if_exists(history_file(system), std::size_t{1} << 30U).value_or("")), lines_(lines_of(text_)) {}

Json Past::line(std::size_t index) const {
    Json line = parse_json(lines_.at(index));
    return line.is_object() ? line : Json::object();
}

std::optional<Json> Past::run(int number) const {
    const std::string wanted = "\"run\":" + std::to_string(number) + ",";
    for (std::size_t i = lines_.size(); i > 0; --i) {
        if (lines_[i - 1].find(wanted) != std::string_view::npos) {
            return std::optional(line(i - 1));
        }
    }
    return std::nullopt;
}

std::optional<Json> Past::at(std::string_view time) const {
    for (std::size_t i = lines_.size(); i > 0; --i) {
        const std::string_view ended = ended_at(lines_[i - 1]).substr(0, time.size());
        if (!ended.empty() && ended <= time && !did_nothing(lines_[i - 1])) {
            return std::optional(line(i - 1));
        }
    }
    return std::nullopt;
}

std::optional<Json> Past::of_revision(std::string_view text) const {
    constexpr std::size_t shortest_id = 4;  // as git has it
    std::optional<Json> noop;
    std::optional<Json> found;
    std::string revision;
    for (std::size_t i = lines_.size(); i > 0; --i) {
        if (lines_[i - 1].find(text) == std::string_view::npos) {
            continue;
        }
        Json one = line(i - 1);
        const std::string its = string_at(one, "revision");
        const bool is_asked_for = string_at(one, "asked") == text;
        const bool is_meant = is_asked_for || (text.size() >= shortest_id && its.starts_with(text));
        if (!is_meant || string_at(member_at(one, "kept"), "catalog").empty()) {
            continue;
        }
        if (!is_asked_for && !revision.empty() && its != revision) {
            throw permanent_error("history.no_such_run",
                                  "two revisions begin with " + std::string(text) + ": " + revision + " and " + its,
                                  "write more of it");
        }
        revision = is_asked_for ? revision : its;
        std::optional<Json>& place = did_nothing(lines_[i - 1]) ? noop : found;
        if (!place) {
            place.emplace(std::move(one));
        }
    }
    return found ? found : noop;
}

std::optional<Json> Past::last() const {
    const auto found = std::find_if_not(lines_.rbegin(), lines_.rend(), did_nothing);
    return found == lines_.rend() ? std::nullopt
                                  : std::optional(line(static_cast<std::size_t>(lines_.rend() - found) - 1));
}

std::size_t Past::since(std::string_view time) const {
    std::size_t first = lines_.size();
    while (first > 0) {
        const std::string_view began = began_at(lines_[first - 1]);
        if (!began.empty() && began.substr(0, time.size()) < time) {
            break;
        }
        --first;
    }
    return first;
}

bool Past::is_bad(std::size_t index) const {
    const std::string_view line = lines_.at(index);
    return line.find("\"good\":true") == std::string_view::npos && !did_nothing(line);
}

}  // namespace bootwright
