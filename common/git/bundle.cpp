#include "common/git/bundle.hpp"

#include "common/base/encoding.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"

#include <algorithm>

namespace bootwright {

namespace {

constexpr std::size_t longest_header = 64 * 1024;
constexpr std::size_t id_length = 40;

Error invalid(const std::string& why) {
    return permanent_error("git.snapshot_invalid", "this is not a snapshot: " + why, "");
}

/// `text` as an error may quote it.
std::string in_quotes(std::string_view text) {
    constexpr std::size_t longest = 60;
    return "\"" + printable(shortened(text, longest)) + "\"";
}

/// What git-check-ref-format(1) forbids, as far as it could do harm when such a name is shown, stored or compared.
bool is_reference_name(std::string_view name) {
    const bool has_forbidden = std::any_of(name.begin(), name.end(), [](char c) {
        return static_cast<unsigned char>(c) <= ' ' || c == '\x7F' ||
               std::string_view("~^:?*[\\").find(c) != std::string_view::npos;
    });
    return (name == "HEAD" || name.starts_with("refs/")) && !has_forbidden && !name.ends_with('/') &&
           name.find("..") == std::string_view::npos && name.find("//") == std::string_view::npos;
}

}  // namespace

void BundleReader::feed(std::string_view bytes, const PackSink& pack) {
    while (!complete_ && !bytes.empty()) {
        const std::size_t taken = std::min(bytes.find('\n'), bytes.size());
        header_bytes_ += taken + 1;
        if (header_bytes_ > longest_header) {
            throw invalid("its header is longer than " + std::to_string(longest_header) + " bytes");
        }
        pending_.append(bytes.substr(0, taken));
        if (taken == bytes.size()) {
            --header_bytes_;  // the line has not ended
            return;
        }
        bytes.remove_prefix(taken + 1);
        read_line(std::exchange(pending_, {}));
    }
    if (!bytes.empty()) {
        pack(bytes);
    }
}

void BundleReader::read_line(std::string_view line) {
    if (version_ == 0) {
        version_ = line == "# v2 git bundle" ? 2 : line == "# v3 git bundle" ? 3 : 0;
        if (version_ == 0) {
            throw invalid("it begins with " + in_quotes(line));
        }
    } else if (line.empty()) {
        if (header_.refs.empty()) {
            throw invalid("it names no revision");
        }
        complete_ = std::move(header_);
    } else if (line.front() == '@') {
        read_capability(line);
    } else {
        read_reference(line);
    }
}

void BundleReader::read_capability(std::string_view line) {
    const bool is_early = header_.refs.empty() && header_.prerequisites.empty();
    if (version_ != 3 || !is_early || line != "@object-format=sha1") {
        throw invalid("it asks for what is not supported here: " + in_quotes(line));
    }
}

void BundleReader::read_reference(std::string_view line) {
    const bool is_prerequisite = line.front() == '-';
    const std::string_view rest = line.substr(is_prerequisite ? 1 : 0);
    const std::string_view id = rest.substr(0, id_length);
    const std::string_view after = rest.substr(id.size());
    if (!is_commit_id(id)) {
        throw invalid("a line of its header begins with no object id: " + in_quotes(line));
    }
    if (is_prerequisite) {
        // What follows is a comment: the commit's subject.
        if (!after.empty() && after.front() != ' ') {
            throw invalid("a line of its header is malformed: " + in_quotes(line));
        }
        header_.prerequisites.emplace_back(id);
    } else {
        if (!after.starts_with(' ') || !is_reference_name(after.substr(1))) {
            throw invalid("a line of its header names no reference: " + in_quotes(line));
        }
        header_.refs.emplace_back(id, after.substr(1));
    }
}

}  // namespace bootwright
