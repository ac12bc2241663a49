#include "agent/servers/event.hpp"

#include "common/base/encoding.hpp"
#include "common/base/text.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

namespace bootwright {

namespace {

using Kind = DownloadRequest::Kind;

Error refused(const std::string& what) {
    return transient_error("repository.fetch_crashed", "bootwright-download says what it never says: " + what,
                           "a server may have taken it over: look at what stands at that place; else report this as a "
                           "defect of bootwright");
}

void require(bool holds, const char* what) {
    if (!holds) {
        throw refused(what);
    }
}

/// What may go wrong between the program and a server. Not what is wrong with this machine (io.*, sandbox.*, process.*)
/// or its disk (git.corrupt), nor that the agent was told to stop: root finds that out for itself.
struct Code {
    std::string_view code;
    bool is_transient;
    bool is_permanent;
};
constexpr std::array codes{
    Code{"archive.invalid", false, true},
    Code{"git.no_repository", false, true},
    Code{"git.revision_ambiguous", false, true},
    Code{"git.revision_not_found", false, true},
    Code{"http.bad_header", false, true},
    Code{"repository.fetch_crashed", true, false},
    Code{"repository.release_invalid", false, true},
    Code{"repository.release_not_found", false, true},
    Code{"server.access_denied", false, true},
    Code{"server.error", true, false},
    Code{"server.not_trusted", true, true},
    Code{"server.protocol", true, false},
    Code{"server.proxy_denied", false, true},
    Code{"server.redirects", false, true},
    Code{"server.refused", false, true},
    Code{"server.stalled", true, false},
    Code{"server.too_large", false, true},
    Code{"server.unreachable", true, false},
    Code{"server.url_invalid", false, true},
    Code{"url.invalid", false, true},
};
constexpr std::array codes_of_r10k{
    Code{"repository.fetch_crashed", true, false},
    Code{"repository.r10k_failed", true, false},
};

template <typename Codes>
bool may_say(const Codes& codes_of_kind, const Error& error) {
    return std::any_of(codes_of_kind.begin(), codes_of_kind.end(), [&](const Code& code) {
        return code.code == error.code && ((code.is_transient && error.kind == ErrorKind::transient) ||
                                           (code.is_permanent && error.kind == ErrorKind::permanent));
    });
}

Error read_error(const Json& json, Kind kind) {
    constexpr std::size_t longest = 4096;
    for (const auto& [key, value] : json.items()) {
        const bool is_number = key == "retry_after_ms" && value.is_number_unsigned();
        const bool is_text = key == "kind" || key == "code" || key == "message" || key == "advice";
        require(is_number || (is_text && value.is_string()), "an error of another form");
    }
    Error error = error_from_json(json);
    const Error shown(error.kind, error.code, shortened(error.message, longest), shortened(error.advice, longest));
    const bool known = kind == Kind::r10k ? may_say(codes_of_r10k, error) : may_say(codes, error);
    if (!known || to_string(error.kind) != string_at(json, "kind")) {
        constexpr std::size_t longest_code = 100;
        throw refused("the error " + shortened(printable(error.code), longest_code) + ": " + shown.message);
    }
    error.message = shown.message;
    error.advice = shown.advice;
    return error;
}

std::vector<std::string> read_lack(const Json& json) {
    constexpr std::size_t most = 20;
    constexpr std::size_t longest = 300;
    require(json.is_array() && json.size() <= most, "more that it lacks than there is");
    std::vector<std::string> lack;
    for (const Json& words : json) {
        require(words.is_string(), "an event of another form");
        lack.push_back(shortened(printable(words.get<std::string>()), longest));
    }
    return lack;
}

const char* ending_of(Kind kind) {
    switch (kind) {
        case Kind::git: return "git";
        case Kind::snapshot: return "snapshot";
        case Kind::file: return "file";
        case Kind::releases: return "releases";
        case Kind::r10k: return "r10k";
        case Kind::answer: break;
    }
    return "answer";
}

std::string text_of(const Json& object, const char* key, std::size_t longest) {
    const std::string text = string_at(object, key);
    require(text.size() <= longest, "a text that is too long");
    return printable(text);
}

bool truth_of(const Json& object, const char* key) {
    const Json& member = member_at(object, key);
    require(member.is_boolean(), "an answer of another form");
    return member.get<bool>();
}

std::map<std::string, std::string> headers_of(const Json& json) {
    constexpr std::size_t most = 200;
    constexpr std::size_t longest_name = 256;
    constexpr std::size_t longest_value = 16384;
    require(json.is_object() && json.size() <= most, "more headers than are read");
    std::map<std::string, std::string> headers;
    for (const auto& [name, value] : json.items()) {
        require(value.is_string() && name.size() <= longest_name, "a header of another form");
        headers[name] = text_of(json, name.c_str(), longest_value);
    }
    return headers;
}

/// @param json null: nothing is said of a certificate
std::optional<CertificateTerm> certificate_of(const Json& json) {
    constexpr std::uint64_t latest = std::uint64_t{1} << 38U;  // in the year 10680
    if (json.is_null()) {
        return std::nullopt;
    }
    const std::uint64_t begins = number_at(json, "begins");
    const std::uint64_t ends = number_at(json, "ends");
    require(begins <= latest && ends <= latest, "a certificate of a time that is none");
    return CertificateTerm{std::chrono::sys_seconds(std::chrono::seconds(begins)),
                           std::chrono::sys_seconds(std::chrono::seconds(ends))};
}

}  // namespace

DownloadEvents::Event DownloadEvents::read(std::string_view line) {
    require(lines_left_ > 0, "something without an end");
    --lines_left_;
    require(!error_ && ending_.empty(), "something after its end");
    const Json event = parse_json(line);
    require(event.is_object() && event.size() == 1, "something that is no event");
    return read_known(event);
}

DownloadEvents::Event DownloadEvents::read_known(const Json& event) {
    const std::string& key = event.begin().key();
    const Json& value = event.begin().value();
    Event read;
    if (key == "received") {
        constexpr std::uint64_t most_bytes = std::uint64_t{5} << 30U;  // more than a pack may have
        require(value.is_number_unsigned() && value >= received_ && value <= most_bytes,
                "a file that cannot be so long");
        received_ = value.get<std::uint64_t>();
        read.received = received_;
    } else if (key == "release") {
        constexpr std::uint64_t most_releases = 10'000;
        require(
            kind_ == Kind::releases && value.is_number_unsigned() && value >= next_release_ && value < most_releases,
            "a release that was not asked for");
        read.release = value.get<std::size_t>();
        next_release_ = *read.release + 1;
    } else if (key == "unconfined") {
        require(!std::exchange(was_unconfined_, true), "twice how it is confined");
        read.unconfined = read_lack(value);
    } else {
        end(key, value);
    }
    return read;
}

void DownloadEvents::end(const std::string& key, const Json& value) {
    require(value.is_object(), "something that is no event");
    if (key == "error") {
        error_ = read_error(value, kind_);
        return;
    }
    require(key == ending_of(kind_), "an answer that was not asked for");
    require(value.empty() || kind_ == Kind::git || kind_ == Kind::file || kind_ == Kind::answer,
            "an answer of another form");
    ending_ = {{key, value}};
}

GitAnswer git_answer_of(const Json& ending) {
    constexpr std::size_t most_tags = 1000;
    constexpr std::size_t longest_name = 1024;
    const Json& json = ending.at("git");
    GitAnswer answer{.commit = string_at(json, "commit"),
                     .has_pack = truth_of(json, "has_pack"),
                     .is_shallow = truth_of(json, "is_shallow")};
    require(is_commit_id(answer.commit), "a commit that is none");
    const auto tags = json.find("tags");
    require(tags != json.end() && tags->is_array() && tags->size() <= most_tags, "more tags than are read");
    for (const Json& tag : *tags) {
        answer.tags.push_back({text_of(tag, "name", longest_name), string_at(tag, "id")});
        require(is_commit_id(answer.tags.back().id), "a tag that is none");
    }
    return answer;
}

std::string sha256_of(const Json& ending) {
    const std::string sha256 = string_at(ending.at("file"), "sha256");
    require(is_sha256(sha256), "a SHA-256 that is none");
    return sha256;
}

WebResponse web_response_of(const Json& ending) {
    const Json& json = ending.at("answer");
    const auto headers = json.find("headers");
    require(headers != json.end(), "an answer without headers");
    const std::uint64_t status = number_at(json, "status");
    require(status >= 100 && status <= 599, "a status that is none");
    const auto body = decode_base64(string_at(json, "body"));
    require(body.has_value(), "a body that is none");
    return {.status = static_cast<int>(status),
            .headers = headers_of(*headers),
            .body = *body,
            .certificate = certificate_of(member_at(json, "certificate"))};
}

}  // namespace bootwright
