// What the program that speaks to servers says, once a server has taken it over: lines, read as root reads them.

#include "agent/servers/event.hpp"
#include "common/base/encoding.hpp"
#include "common/base/text.hpp"
#include "test/fuzz/fuzz.hpp"

#include <array>
#include <cstdint>

using namespace bootwright;
using Kind = DownloadRequest::Kind;

namespace {

void require_shown(const std::string& text) { require(printable(text) == text, "what cannot be shown", text); }

/// Whatever was believed can be shown and counted, and is of the kind that was asked for.
void check(const DownloadEvents& events, Kind kind) {
    if (const auto& error = events.error()) {
        check_error(*error);
        require(!error->code.starts_with("io.") && !error->code.starts_with("sandbox."),
                "an error that is none of its own", error->code);
        require(error->code != "git.corrupt" && error->kind != ErrorKind::stopped, "a lie about root", error->code);
    }
    if (events.ending().empty()) {
        return;
    }
    if (kind == Kind::git) {
        const GitAnswer answer = git_answer_of(events.ending());
        require(is_commit_id(answer.commit), "a commit that is none", answer.commit);
        for (const GitTag& tag : answer.tags) {
            require(is_commit_id(tag.id), "a tag that is none", tag.id);
            require_shown(tag.name);
        }
    } else if (kind == Kind::file) {
        require(is_sha256(sha256_of(events.ending())), "a SHA-256 that is none", "");
    } else if (kind == Kind::answer) {
        for (const auto& [name, value] : web_response_of(events.ending()).headers) {
            require_shown(value);
        }
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) {
        return 0;
    }
    const Kind kind =
        std::array{Kind::git, Kind::snapshot, Kind::answer, Kind::r10k, Kind::file, Kind::releases}[data[0] % 6U];
    const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
    constexpr std::size_t most_lines = 1000;
    DownloadEvents events(kind, most_lines);
    fuzz(
        [&] {
            std::uint64_t before = 0;
            std::size_t next = 0;
            for (const std::string& line : split(text, '\n')) {
                const DownloadEvents::Event event = events.read(line);
                require(event.received.value_or(before) >= before, "a file that shrinks", line);
                before = event.received.value_or(before);
                require(event.release.value_or(next) >= next, "a release that was told before", line);
                next = event.release ? *event.release + 1 : next;
                for (const std::string& lack : event.unconfined) {
                    require_shown(lack);
                }
            }
            check(events, kind);
        },
        [](const Error& error) {
            return error.code == "repository.fetch_crashed" && error.kind == ErrorKind::transient;
        });
    return 0;
}
