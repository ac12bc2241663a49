#include "agent/servers/program.hpp"

#include "agent/servers/child_protocol.hpp"
#include "agent/servers/folder.hpp"
#include "agent/servers/git/rate_watch.hpp"
#include "agent/servers/r10k_install.hpp"
#include "agent/servers/released_files.hpp"
#include "agent/servers/request.hpp"
#include "common/base/encoding.hpp"
#include "common/base/error.hpp"
#include "common/base/retry.hpp"
#include "common/base/sha256.hpp"
#include "common/base/text.hpp"
#include "common/files/archive.hpp"
#include "common/files/file.hpp"
#include "common/files/room.hpp"
#include "common/net/page.hpp"
#include "common/net/url.hpp"
#include "common/sandbox/sandbox.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <optional>

namespace bootwright {

namespace {

namespace fs = std::filesystem;
using Kind = DownloadRequest::Kind;

/// The file that grows while somebody else reads it.
class GrowingFile {
public:
    explicit GrowingFile(fs::path path)
        : path_(std::move(path)), fd_(open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)) {
        struct stat status {};
        if (!fd_ || fstat(fd_.get(), &status) != 0) {
            throw system_call_error("write", path_.string(), errno);
        }
        size_ = static_cast<std::uint64_t>(status.st_size);
    }

    [[nodiscard]] std::uint64_t size() const { return size_; }

    void begin_anew() {
        if (ftruncate(fd_.get(), 0) != 0) {
            throw system_call_error("empty", path_.string(), errno);
        }
        size_ = 0;
    }

    void append(std::string_view bytes) {
        require_room(path_.parent_path(), "while a download goes on");
        while (!bytes.empty()) {
            const ssize_t written = pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(size_));
            if (written < 0 && errno == EINTR) {
                continue;
            }
            if (written < 0) {
                throw system_call_error("write", path_.string(), errno);
            }
            size_ += static_cast<std::uint64_t>(written);
            bytes.remove_prefix(static_cast<std::size_t>(written));
        }
    }

private:
    fs::path path_;
    UniqueFd fd_;
    std::uint64_t size_ = 0;
};

/// Says how far the file has grown.
class Growth {
public:
    /// @param before bytes of the files before it
    explicit Growth(const GrowingFile& file, std::uint64_t before = 0) : file_(file), before_(before) {}
    void tell(bool is_last) {
        if (pace_.is_due(is_last)) {
            write_event({{"received", before_ + file_.size()}});
        }
    }

private:
    const GrowingFile& file_;
    std::uint64_t before_;
    EventPace pace_{};
};

/// The ssh program's files, in the working folder. They go with this object, or when the folder is next used.
class SshFiles {
public:
    explicit SshFiles(const DownloadRequest& request) {
        if (!request.ssh_key.empty()) {
            write_file(key_, request.ssh_key, 0600);
            write_file(known_hosts_, request.known_hosts, 0600);
        }
    }
    SshFiles(const SshFiles&) = delete;
    SshFiles& operator=(const SshFiles&) = delete;
    ~SshFiles() {
        unlink(key_.c_str());
        unlink(known_hosts_.c_str());
    }
    [[nodiscard]] const fs::path& key() const { return key_; }
    [[nodiscard]] const fs::path& known_hosts() const { return known_hosts_; }

private:
    fs::path key_ = "./ssh_key";
    fs::path known_hosts_ = "./known_hosts";
};

Json download_pack(const DownloadRequest& request, WebClient& web) {
    const SshFiles ssh_files(request);
    const GitPlace place{request.url, request.user, request.password, ssh_files.key(), ssh_files.known_hosts()};
    SystemProcessRunner processes;
    const auto transport = make_transport(place, web, processes, request.patience);
    GrowingFile file("./" + request.file);
    file.begin_anew();
    Growth growth(file);
    RateWatch rate(request.url.shown(), request.patience.stall, request.least_rate);
    const FetchAnswer::Sink sink = [&](std::string_view bytes) { file.append(bytes); };
    const GitHeard heard = [&](std::size_t bytes, bool is_at_work) {
        growth.tell(false);
        rate.saw(bytes, is_at_work);
    };
    const GitAnswer answer = fetch_from(*transport, request.wish, sink, heard);
    growth.tell(true);
    return {{"git", to_json(answer)}};
}

/// The error for a snapshot that is not given.
Error snapshot_error(const std::string& shown, const WebResponse& response) {
    const std::string message = shown + " answers with HTTP status " + std::to_string(response.status);
    if (response.status == 404 || response.status == 410) {
        return permanent_error("git.revision_not_found", message + ": there is no snapshot of this revision",
                               "make one: `bootwright snapshot make`, and put it there");
    }
    if (response.status == 401 || response.status == 403) {
        // An object store answers 403 also for what is not there, if the right to list is missing.
        return permanent_error("server.access_denied", message,
                               "check that the snapshot is there, and the rights of the instance's role or the "
                               "credentials");
    }
    Error error = transient_error("server.error", message, "check the server, and its log for the reason");
    error.retry_after = retry_after(response.headers);
    return error;
}

std::string header(const WebResponse& response, const char* name) {
    const auto found = response.headers.find(name);
    return found == response.headers.end() ? "" : found->second;
}

/// Before the first bytes of a file are taken. @throws Error server.protocol (transient): a portal goes away.
void refuse_page(const std::string& shown, std::string_view start) {
    if (is_page(start)) {
        throw transient_error("server.protocol", shown + " answers with an HTML page in place of the file",
                              "check the URL, and that no proxy or portal answers instead");
    }
}

/// A strong ETag names one content; a weak one does not, and If-Range must not carry it (RFC 9110, 13.1.5).
std::string strong_tag(const WebResponse& response) {
    const std::string tag = header(response, "etag");
    return tag.starts_with('"') && printable(tag) == tag ? tag : "";
}

/// Takes a file, or the rest of one.
class SnapshotDownload {
public:
    SnapshotDownload(const DownloadRequest& request, WebClient& web)
        : request_(request),
          web_(web),
          file_("./" + request.file),
          tag_file_(std::string("./") + DownloadFolder::tag_name),
          growth_(file_),
          rate_(shown(), request.patience.stall, request.least_rate) {}

    void run() {
        const std::string tag = read_file_if_exists(tag_file_, 1024).value_or("");
        if (file_.size() > 0 && !tag.empty() && try_from(file_.size(), tag)) {
            return;
        }
        file_.begin_anew();
        if (!try_from(0, "")) {
            throw transient_error("server.protocol", shown() + " answers with a part of the file unasked",
                                  "check the server");
        }
    }

private:
    /// False if the server does not go on from there.
    bool try_from(std::uint64_t offset, const std::string& tag) {
        WebRequest web = request_.web;
        web.offset = offset;
        web.if_range = tag;
        bool has_begun = false;
        const auto sink = [&](const WebResponse& head, std::string_view bytes) {
            if (!has_begun) {
                refuse_page(shown(), bytes);
                begin(head, offset);
                has_begun = true;
            }
            file_.append(bytes);
            growth_.tell(false);
            rate_.saw(bytes.size(), false);
        };
        const WebResponse response = web_.send(web, sink);
        if (response.status == 416 || (response.status == 206 && offset == 0)) {
            return false;
        }
        if (response.status != 200 && response.status != 206) {
            throw snapshot_error(shown(), response);
        }
        growth_.tell(true);
        return true;
    }

    void begin(const WebResponse& head, std::uint64_t offset) {
        if (head.status == 206 && !header(head, "content-range").starts_with("bytes " + std::to_string(offset) + "-")) {
            file_.begin_anew();  // it would answer the same to the next try
            throw transient_error("server.protocol", shown() + " answers with another part than was asked for",
                                  "check the server");
        }
        if (head.status == 200) {
            file_.begin_anew();
            write_file(tag_file_, strong_tag(head), 0600);
        }
    }

    [[nodiscard]] std::string shown() const { return request_.web.url.shown(); }

    const DownloadRequest& request_;
    WebClient& web_;
    GrowingFile file_;
    fs::path tag_file_;
    Growth growth_;
    RateWatch rate_;
};

Json download_snapshot(const DownloadRequest& request, WebClient& web) {
    SnapshotDownload(request, web).run();
    return {{"snapshot", Json::object()}};
}

/// The error for a file that is not given.
Error file_error(const std::string& shown, const WebResponse& response) {
    const std::string message = shown + " answers with HTTP status " + std::to_string(response.status);
    if (response.status == 404 || response.status == 410) {
        return permanent_error("repository.release_not_found", message,
                               "check the module's name and version, and whether the Forge still has it");
    }
    if (response.status == 400 || response.status == 401 || response.status == 403) {
        return permanent_error("server.access_denied", message, "check the credentials for that server");
    }
    Error error = transient_error("server.error", message, "check the server, and its log for the reason");
    error.retry_after = retry_after(response.headers);
    return error;
}

/// Writes the files of a release one after the other.
void unpack(const std::string& archive, std::size_t release) {
    GrowingFile files("./" + DownloadFolder::files_name(release));
    files.begin_anew();
    read_archive(archive, {}, [&](const ArchivedFile& file) { files.append(frame_of(file)); });
}

/// Fetches a file, and returns its SHA-256.
std::string fetch_file(const DownloadRequest& request, const WebRequest& wanted, WebClient& web,
                       std::uint64_t before = 0) {
    const std::string shown = wanted.url.shown();
    GrowingFile file("./" + request.file);
    file.begin_anew();
    Growth growth(file, before);
    RateWatch rate(shown, request.patience.stall, request.least_rate);
    Sha256 hash;
    const auto sink = [&](const WebResponse&, std::string_view bytes) {
        if (file.size() == 0) {
            refuse_page(shown, bytes);
        }
        if (file.size() + bytes.size() > wanted.max_bytes) {
            throw permanent_error("server.too_large",
                                  shown + " gives more than " + std::to_string(wanted.max_bytes) + " bytes",
                                  "look at what stands there");
        }
        file.append(bytes);
        hash.append(bytes);
        growth.tell(false);
        rate.saw(bytes.size(), false);
    };
    const WebResponse response = web.send(wanted, sink);
    if (response.status != 200) {
        throw file_error(shown, response);
    }
    growth.tell(true);
    return hash.finish();
}

/// Before anybody looks into the file. @param url "": it was there already
void require_sha256(const std::string& found, const std::string& wanted, const Url& url) {
    if (found != wanted) {
        throw permanent_error("repository.release_invalid",
                              (url.empty() ? "the file" : url.shown() + " gives a file") + " whose SHA-256 is " +
                                  found + ", not " + wanted,
                              "look at who has changed it there");
    }
}

Json download_file(const DownloadRequest& request, WebClient& web) {
    const std::string path = "./" + request.file;
    const std::string sha256 = request.web.url.empty() ? sha256_hex(read_file(path, request.web.max_bytes))
                                                       : fetch_file(request, request.web, web);
    if (!request.sha256.empty()) {
        require_sha256(sha256, request.sha256, request.web.url);
    }
    if (request.unpacks) {
        unpack(path, 0);
    }
    return {{"file", {{"sha256", sha256}}}};
}

/// Whoever asks for one alone hears why it is not among those that are there.
Json download_releases(const DownloadRequest& request, WebClient& web) {
    const std::string path = "./" + request.file;
    std::uint64_t before = 0;
    for (std::size_t number = 0; number < request.archives.size(); ++number) {
        const auto& [wanted, sha256] = request.archives[number];
        bool is_there = false;
        try {
            require_sha256(fetch_file(request, wanted, web, before), sha256, wanted.url);
            unpack(path, number);
            is_there = true;
        } catch (const Error& error) {
            if (error.kind != ErrorKind::permanent) {
                break;  // the next one would wait for the same server
            }
        }
        if (is_there) {
            write_event({{"release", number}});
        }
        before += fs::file_size(path);
    }
    return {{"releases", Json::object()}};
}

Json download_answer(const DownloadRequest& request, WebClient& web) {
    const WebResponse response = web.send(request.web);
    Json answer{{"status", response.status}, {"headers", response.headers}, {"body", encode_base64(response.body)}};
    if (response.certificate) {
        answer["certificate"] = {{"begins", response.certificate->begins.time_since_epoch().count()},
                                 {"ends", response.certificate->ends.time_since_epoch().count()}};
    }
    return {{"answer", std::move(answer)}};
}

Json download(const DownloadRequest& request) {
    WebClient web(request.trust, request.patience);
    switch (request.kind) {
        case Kind::git: return download_pack(request, web);
        case Kind::snapshot: return download_snapshot(request, web);
        case Kind::file: return download_file(request, web);
        case Kind::releases: return download_releases(request, web);
        case Kind::r10k: return install_by_r10k(request);
        case Kind::answer: break;
    }
    return download_answer(request, web);
}

}  // namespace

int run_download_child() {
    return run_child([](const Json& input) {
        const DownloadRequest request = download_request_from_json(input);
        const auto missing = confine(
            {.writable = request.folder, .may_start_programs = !request.ssh_key.empty() || request.kind == Kind::r10k});
        if (!missing.empty()) {
            write_event({{"unconfined", missing}});
        }
        return download(request);
    });
}

}  // namespace bootwright
