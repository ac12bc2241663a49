#include "common/git/protocol.hpp"

#include "common/base/encoding.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/base/version.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

namespace bootwright {

namespace {

constexpr std::size_t length_digits = 4;
constexpr std::size_t longest_packet = 65520;
constexpr std::size_t most_refs = 500'000;  // a hostile server's advertisement ends here
constexpr std::size_t id_digits = 40;

constexpr std::string_view flush = "0000";
constexpr std::string_view delimiter = "0001";

Error malformed(const std::string& what) {
    return transient_error(
        "server.protocol", "what the server answers is not git's protocol: " + what,
        "check that the URL is that of a git repository, and that no proxy or portal answers instead");
}

/// The error for a server that refuses.
Error refused(std::string_view words) {
    const std::string text = shortened(printable(trimmed(words)), 300);
    const std::string low = lower(text);
    const auto says = [&](const char* part) { return low.find(part) != std::string::npos; };
    if (says("not our ref") || says("unadvertised object") || says("no such remote ref")) {
        return permanent_error("git.revision_not_found", "the git server does not have it: " + text, "");
    }
    if (says("not found") || says("does not exist") || says("no such repository") || says("not exported") ||
        says("not appear to be a git")) {
        return permanent_error("git.no_repository", "the git server says: " + text, "");
    }
    return permanent_error("server.refused", "the git server refuses: " + text,
                           "see the git server's log for the reason");
}

/// @throws Error if the server says "ERR …" instead of an answer
void check_not_refused(std::string_view line) {
    constexpr std::string_view mark = "ERR ";
    if (line.starts_with(mark)) {
        throw refused(line.substr(mark.size()));
    }
}

std::string_view without_line_end(std::string_view line) {
    return line.ends_with('\n') ? line.substr(0, line.size() - 1) : line;
}

std::string_view id_at_front(std::string_view line) {
    const std::string_view id = line.substr(0, id_digits);
    if (!is_commit_id(id) || line.size() <= id_digits || line[id_digits] != ' ') {
        throw malformed("a line that should begin with an object's id");
    }
    return id;
}

void keep_ref(std::vector<RemoteRef>& refs, RemoteRef ref) {
    if (refs.size() >= most_refs) {
        throw malformed("more than " + std::to_string(most_refs) + " refs");
    }
    refs.push_back(std::move(ref));
}

/// Below version 2, the line "ID NAME^{}" says what the tag of the line before leads to.
constexpr std::string_view peeled_mark = "^{}";

int digit_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/// The length that a packet begins with, itself included.
std::size_t packet_length(std::string_view digits) {
    std::size_t length = 0;
    for (const char c : digits) {
        const int value = digit_value(c);
        if (value < 0) {
            throw malformed("a packet without a length");
        }
        length = length * 16 + static_cast<std::size_t>(value);
    }
    if (length > longest_packet || length == 3) {
        throw malformed("a packet of " + counted(length, "byte"));
    }
    return length;
}

std::string agent() { return "agent=bootwright/" + std::string(version); }

std::string line(std::string_view text) { return packet(std::string(text) + "\n"); }

}  // namespace

std::string packet(std::string_view data) {
    std::array<char, length_digits + 1> digits{};
    std::snprintf(digits.data(), digits.size(), "%04zx", data.size() + length_digits);
    return digits.data() + std::string(data);
}

bool PacketReader::take_packet(std::string_view& bytes, const Take& take) {
    if (bytes.size() < length_digits) {
        return false;
    }
    const std::size_t length = packet_length(bytes.substr(0, length_digits));
    if (length < length_digits) {
        bytes.remove_prefix(length_digits);
        take({length == 0   ? Packet::Kind::flush
              : length == 1 ? Packet::Kind::delimiter
                            : Packet::Kind::response_end,
              {}});
        return true;
    }
    if (bytes.size() < length) {
        return false;
    }
    const std::string_view data = bytes.substr(length_digits, length - length_digits);
    bytes.remove_prefix(length);
    take({Packet::Kind::data, data});
    return true;
}

void PacketReader::feed(std::string_view bytes, const Take& take) {
    // held_ is less than one packet: completes it first, then cuts the rest in place.
    while (!held_.empty() && !bytes.empty()) {
        const std::size_t wanted = held_.size() < length_digits
                                       ? length_digits
                                       : std::max(packet_length(held_.substr(0, length_digits)), length_digits);
        const std::size_t more = std::min(wanted - held_.size(), bytes.size());
        held_.append(bytes.substr(0, more));
        bytes.remove_prefix(more);
        if (held_.size() >= length_digits && held_.size() >= packet_length(held_.substr(0, length_digits))) {
            const std::string whole = std::exchange(held_, {});
            std::string_view rest = whole;
            take_packet(rest, take);
        }
    }
    while (take_packet(bytes, take)) {
    }
    held_.append(bytes);
}

bool Advertisement::has(std::string_view capability) const {
    return std::find(capabilities_.begin(), capabilities_.end(), capability) != capabilities_.end();
}

bool Advertisement::take(const Packet& packet) {
    if (packet.kind == Packet::Kind::flush) {
        // The banner has a flush of its own. A server without any ref sends only a flush.
        const bool was_in_banner = std::exchange(is_in_banner_, false);
        return !was_in_banner;
    }
    if (packet.kind != Packet::Kind::data) {
        throw malformed("a delimiter among the refs");
    }
    check_not_refused(packet.data);
    const std::string_view line = without_line_end(packet.data);
    if (!version_) {
        take_first(line);
    } else if (*version_ == 2) {
        capabilities_.emplace_back(shortened(line, 1000));
    } else {
        take_ref(line);
    }
    if (capabilities_.size() > 1000) {
        throw malformed("more than 1000 capabilities");
    }
    return false;
}

void Advertisement::take_first(std::string_view line) {
    constexpr std::string_view banner = "# service=";
    if (line.starts_with(banner)) {
        is_in_banner_ = true;
    } else if (line == "version 2") {
        version_ = 2;
    } else if (line == "version 1") {
        version_ = 1;
    } else {
        version_ = version_.value_or(0);
        take_ref(line);
    }
}

void Advertisement::take_ref(std::string_view line) {
    if (line.starts_with("shallow ")) {
        return;  // the server itself is a shallow copy; it says so again in its answer
    }
    const std::string_view id = id_at_front(line);
    std::string_view name = line.substr(id_digits + 1);
    if (const std::size_t end = name.find('\0'); end != std::string_view::npos) {
        for (std::string& capability : split(name.substr(end + 1), ' ')) {
            capabilities_.push_back(std::move(capability));
        }
        name = name.substr(0, end);
    }
    if (name == "capabilities^{}") {
        return;  // there is no ref at all
    }
    if (name.ends_with(peeled_mark)) {
        name.remove_suffix(peeled_mark.size());
        if (!refs_.empty() && refs_.back().name == name) {
            refs_.back().peeled = id;
        }
        return;
    }
    keep_ref(refs_, {std::string(name), std::string(id), std::string(id)});
}

std::string ls_refs_request(const std::vector<std::string>& prefixes) {
    std::string request = line("command=ls-refs") + line(agent()) + std::string(delimiter) + line("peel");
    for (const std::string& prefix : prefixes) {
        request += line("ref-prefix " + prefix);
    }
    return request + std::string(flush);
}

bool RefList::take(const Packet& packet) {
    if (packet.kind == Packet::Kind::flush) {
        return true;
    }
    if (packet.kind != Packet::Kind::data) {
        throw malformed("a delimiter among the refs");
    }
    check_not_refused(packet.data);
    const std::string_view text = without_line_end(packet.data);
    const std::string id(id_at_front(text));
    const auto words = split(text.substr(id_digits + 1), ' ');
    RemoteRef ref{words.front(), id, id};
    constexpr std::string_view peeled = "peeled:";
    for (const std::string& word : words) {
        if (word.starts_with(peeled)) {
            ref.peeled = word.substr(peeled.size());
        }
    }
    if (!is_commit_id(ref.peeled)) {
        throw malformed("a tag that leads to no object");
    }
    keep_ref(refs_, std::move(ref));
    return false;
}

std::string fetch_request(const FetchWish& wish) {
    std::string request = line("command=fetch") + line(agent()) + std::string(delimiter);
    request += line("thin-pack") + line("no-progress") + line("ofs-delta");
    for (const std::string& id : wish.shallow) {
        request += line("shallow " + id);
    }
    if (wish.only_the_commits) {
        request += line("deepen 1");
    }
    for (const std::string& id : wish.wants) {
        request += line("want " + id);
    }
    for (const std::string& id : wish.haves) {
        request += line("have " + id);
    }
    return request + line("done") + std::string(flush);
}

std::string old_fetch_request(const FetchWish& wish, const Advertisement& advertisement) {
    std::string capabilities = " side-band-64k no-progress ofs-delta";
    if (advertisement.has("shallow") && wish.only_the_commits) {
        capabilities += " shallow";
    }
    std::string request;
    for (const std::string& id : wish.wants) {
        request += line("want " + id + (request.empty() ? capabilities + " " + agent() : ""));
    }
    if (wish.only_the_commits) {
        request += line("deepen 1");
    }
    return request + std::string(flush) + line("done");
}

bool FetchAnswer::take(const Packet& packet) {
    if (packet.kind == Packet::Kind::flush) {
        // Below version 2 the list of shallow commits ends so, too.
        const bool has_ended = is_version_2_ || is_in_pack_;
        if (has_ended && !has_pack_byte_) {
            throw malformed("an answer without a pack");
        }
        return has_ended;
    }
    if (packet.kind != Packet::Kind::data) {
        return false;
    }
    if (is_in_pack_) {
        take_pack_packet(packet.data);
        return false;
    }
    check_not_refused(packet.data);
    const std::string_view text = without_line_end(packet.data);
    if (is_version_2_) {
        is_in_pack_ = text == "packfile";
    } else if (text == "NAK" || text.starts_with("ACK ")) {
        is_in_pack_ = true;
    } else if (!text.starts_with("shallow ") && !text.starts_with("unshallow ")) {
        throw malformed("an unknown line before the pack");
    }
    return false;
}

void FetchAnswer::take_pack_packet(std::string_view data) {
    if (data.empty()) {
        return;  // a sign of life
    }
    const std::string_view bytes = data.substr(1);
    switch (data.front()) {
        case 1:
            has_pack_byte_ = has_pack_byte_ || !bytes.empty();
            if (!bytes.empty()) {
                sink_(bytes);
            }
            break;
        case 2: break;  // text for a person
        case 3: throw refused(bytes);
        default: throw malformed("an unknown band");
    }
}

}  // namespace bootwright
