#pragma once

#include "agent/servers/git/negotiation.hpp"
#include "common/documents/json.hpp"
#include "common/net/url.hpp"
#include "common/net/web.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace bootwright {

/// The archive of a release at a server.
struct WantedArchive {
    WebRequest web{};
    std::string sha256{};  ///< of what must come
};

/// A request to the program that speaks to servers. It goes to its standard input, since it holds secrets.
struct DownloadRequest {
    enum class Kind {
        git,       ///< a pack from a git server, into `file`
        snapshot,  ///< a file, into `file`; only what is not there yet is asked for
        file,      ///< a whole file, into `file`, or one that is there (no URL); a release is also unpacked
        releases,  ///< of releases of the Forge, the files of each into DownloadFolder::files_name of its number
        answer,    ///< a short answer, handed back
        r10k       ///< what r10k makes of a Puppetfile, below `file`, a folder
    };
    Kind kind = Kind::git;
    std::filesystem::path folder{};  ///< the only one that may be written
    std::string file{};              ///< a name in that folder

    WebTrust trust{};
    WebPatience patience{};
    std::uint64_t least_rate = 1024;  ///< bytes a second

    Url url{};           ///< git: https, http, ssh, git
    std::string user{};  ///< for https and http, besides what the URL says
    std::string password{};
    std::string ssh_key{};      ///< the key itself
    std::string known_hosts{};  ///< the file's content
    GitWish wish{};

    WebRequest web{};  ///< snapshot, file and answer

    std::string sha256{};  ///< file: of what must come; "": of whatever comes
    bool unpacks =
        false;  ///< file: it is a release of the Forge, whose files go into the first DownloadFolder::files_name

    std::vector<WantedArchive> archives{};  ///< releases: of one server

    std::string program{};      ///< r10k: its path
    std::string puppetfile{};   ///< r10k: the text, without passwords
    std::string credentials{};  ///< r10k: those of its URLs, as credential_lines() makes them
};

Json to_json(const DownloadRequest& request);
/// @throws std::exception if `json` was not made by to_json
DownloadRequest download_request_from_json(const Json& json);

/// Read by git_answer_of().
Json to_json(const GitAnswer& answer);

}  // namespace bootwright
