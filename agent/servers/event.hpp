#pragma once

#include "agent/servers/request.hpp"
#include "common/base/error.hpp"
#include "common/documents/json.hpp"
#include "common/net/web.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bootwright {

/// What the program that speaks to servers says: on each line a JSON object of one key. A server may have taken the
/// program over, so whatever it may not say, or is too large, is refused.
class DownloadEvents {
public:
    struct Event {
        std::optional<std::uint64_t> received{};  ///< bytes of the file, or of all files, that are there
        std::optional<std::size_t> release{};     ///< the number of a release whose files are there
        std::vector<std::string> unconfined{};    ///< what this system could not give; printable
    };

    /// @param most_lines ten a second for a day, unless a test says less
    explicit DownloadEvents(DownloadRequest::Kind kind, std::size_t most_lines = 1'000'000)
        : kind_(kind), lines_left_(most_lines) {}

    /// @throws Error repository.fetch_crashed (transient)
    Event read(std::string_view line);

    /// The program's error: a code of the list of those that it may use, with that code's kind.
    [[nodiscard]] const std::optional<Error>& error() const { return error_; }
    /// The program's answer, of the kind that was asked for; an empty object before its end.
    [[nodiscard]] const Json& ending() const { return ending_; }

private:
    Event read_known(const Json& event);
    void end(const std::string& key, const Json& value);

    DownloadRequest::Kind kind_;
    std::optional<Error> error_{};
    Json ending_ = Json::object();
    std::uint64_t received_ = 0;
    std::size_t next_release_ = 0;
    std::size_t lines_left_;
    bool was_unconfined_ = false;
};

/// For a request of the kind `git`: full commit ids and short names.
/// @throws Error repository.fetch_crashed (transient)
GitAnswer git_answer_of(const Json& ending);

/// For a request of the kind `file`: the SHA-256 of the file, as the program says. @throws as git_answer_of
std::string sha256_of(const Json& ending);

/// The server's answer for a request of the kind `answer`. @throws Error repository.fetch_crashed (transient)
WebResponse web_response_of(const Json& ending);

}  // namespace bootwright
