#include "agent/repository/sources/downloader.hpp"

#include "agent/servers/ask.hpp"
#include "agent/servers/credentials.hpp"
#include "agent/servers/event.hpp"
#include "agent/servers/folder.hpp"
#include "agent/servers/growing_input.hpp"
#include "agent/servers/objects/object_store.hpp"
#include "agent/servers/released_files.hpp"
#include "agent/servers/secrets/secret_store.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/files/file.hpp"
#include "common/git/file_tree.hpp"
#include "common/net/url.hpp"
#include "common/sandbox/user.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <iostream>
#include <optional>
#include <system_error>

namespace bootwright {

namespace fs = std::filesystem;
using Kind = DownloadRequest::Kind;

namespace {

constexpr std::size_t largest_pem = std::size_t{4} << 20U;
constexpr std::size_t largest_archive = std::size_t{64} << 20U;  // of a release

std::string read_pem(const fs::path& file) { return file.empty() ? "" : read_file(file, largest_pem); }

std::string read_client_key(const fs::path& file) {
    constexpr SecretFileErrors errors{
        .advice = "put the certificate's private key there, mode 0600, or correct repository.client_key of agent.json"};
    return file.empty() ? "" : read_secret_file(file, errors);
}

std::string read_ssh_key(const fs::path& file) {
    constexpr SecretFileErrors errors{
        .missing = "repository.no_ssh_key",
        .exposed = "repository.ssh_key_exposed",
        .advice = "put an ed25519 private key there, or name another in repository.ssh_key of agent.json"};
    return read_secret_file(file, errors);
}

std::string read_known_hosts(const fs::path& file) {
    if (auto text = read_file_if_exists(file, largest_pem)) {
        return std::move(*text);
    }
    throw permanent_error("repository.no_known_hosts",
                          "there is no known_hosts file at " + file.string() + ", so no ssh server can be trusted",
                          "put the server's host key there: the line that `ssh-keyscan HOST` prints, once compared");
}

Error too_late() {
    return transient_error("repository.timeout", "it was not complete in its share of repository.timeout",
                           "check the server, or raise repository.timeout in agent.json");
}

/// The archive in a mirror that is a folder of this machine. What is wrong there counts against that place alone.
std::string read_mirrored_release(const Url& mirror, const std::string& sha256) {
    const fs::path file = fs::path(mirror.plain_path()) / mirrored_release_name(sha256);
    std::optional<std::string> archive;
    try {
        archive = read_file_if_exists(file, largest_archive);
    } catch (const Error& error) {
        throw permanent_error("repository.release_invalid", error.message, "look at what stands there");
    }
    if (!archive) {
        throw permanent_error("repository.release_not_found", "there is no " + file.string(),
                              "put it there, or leave it to the other places");
    }
    return std::move(*archive);
}

/// With the user and password that the request has for that server.
WebRequest with_credentials_of(const DownloadRequest& request, WebRequest web) {
    web.user = request.user;
    web.password = request.password;
    return web;
}

/// Makes a commit of a release's files, and returns its id. @throws Error git.tree_refused, repository.fetch_crashed
std::string commit_files(const GitRepository& repository, const fs::path& files, const std::string& message) {
    GitFileTree tree;
    constexpr ArchiveLimits limits;
    ReleasedFilesReader reader(limits);
    const auto add = [&](const ArchivedFile& file) { tree.add(file.path, file.is_executable, file.content); };
    constexpr std::uint64_t heads = 1000;  // more than a head is long
    GrowingInput(files).read_to(limits.bytes + limits.files * heads,
                                [&](std::string_view bytes) { reader.feed(bytes, add); });
    reader.finish();
    return tree.write_to(repository, message);
}

void require_prerequisites(const BundleHeader& header, const GitRepository& repository) {
    for (const std::string& commit : header.prerequisites) {
        if (!repository.has_commit(commit)) {
            throw permanent_error("git.snapshot_invalid",
                                  "the snapshot is of a range, and leans on commit " + commit + ", which is not here",
                                  "make it of the one commit: `bootwright snapshot make`");
        }
    }
}

}  // namespace

Downloader::Downloader(const FetchRequest& request, ProcessRunner& processes, GitProgress progress)
    : request_(request), processes_(processes), progress_(std::move(progress)) {
    trust_ = {.ca_pem = read_pem(request.settings.ca_file),
              .client_certificate = read_pem(request.settings.client_certificate),
              .client_key = read_client_key(request.settings.client_key),
              .proxy = request.settings.proxy,
              .no_proxy = request.settings.no_proxy};
}

void Downloader::take_at_most(std::chrono::milliseconds time, std::uint64_t bytes) {
    give_up_at(std::chrono::steady_clock::now() + time);
    largest_pack_ = bytes;
}

GitAnswer Downloader::fetch(const GitRepository& repository, const Url& url, const GitWish& wish) {
    forget_partials(request_.downloads, wish.revision);
    DownloadRequest request = request_for(Kind::git);
    request.url = url;
    request.wish = wish;
    add_credentials(request, url);
    const DownloadFolder folder(request_.downloads);
    request.folder = folder.path();
    GrowingInput input(folder.file());
    std::optional<GitPackImport> import;
    const auto append = [&](std::string_view bytes) {
        if (!import) {
            import.emplace(repository, progress_, largest_pack_);
        }
        import->append(bytes);
    };
    const Json ending =
        run(request, [&](const DownloadEvents::Event& event) { input.read_to(event.received.value_or(0), append); });
    const GitAnswer answer = git_answer_of(ending);
    if (answer.has_pack && import) {
        import->finish();
    }
    forget_partials(request_.downloads, "");
    return answer;
}

BundleHeader Downloader::fetch_snapshot(const GitRepository& repository, const Url& place,
                                        const std::string& revision) {
    forget_partials(request_.downloads, revision);
    DownloadRequest request = request_for(Kind::snapshot);
    request.web = snapshot_request(place, revision, request_.stores);
    add_credentials(request, request.web.url);
    request.web = with_credentials_of(request, std::move(request.web));

    const DownloadFolder folder(request_.downloads, snapshot_name(revision, place));
    request.folder = folder.path();
    GrowingInput input(folder.file());
    BundleReader reader;
    GitPackImport import(repository, progress_);
    const auto append = [&](std::string_view bytes) {
        reader.feed(bytes, [&](std::string_view pack) {
            require_prerequisites(*reader.header(), repository);
            import.append(pack);
        });
    };
    try {
        run(request, [&](const DownloadEvents::Event& event) { input.read_to(event.received.value_or(0), append); });
        if (!reader.header()) {
            throw permanent_error("git.snapshot_invalid", "the snapshot ends within its header",
                                  "make it anew: `bootwright snapshot make`");
        }
        import.finish();
    } catch (const Error& error) {
        if (error.code != "git.pack_damaged" && error.code != "git.snapshot_invalid") {
            folder.keep_partial();
        }
        throw;
    }
    forget_partials(request_.downloads, "");
    return *reader.header();
}

std::string Downloader::fetch_document(const Url& url) {
    constexpr std::size_t largest = std::size_t{8} << 20U;
    DownloadRequest request = request_for(Kind::file);
    add_credentials(request, url);
    request.web = with_credentials_of(request, {.url = url, .follow_redirects = true, .max_bytes = largest});
    const DownloadFolder folder(request_.downloads);
    request.folder = folder.path();
    run(request);
    std::string document;
    GrowingInput(folder.file()).read_to(largest, [&](std::string_view bytes) { document += bytes; });
    return document;
}

WebRequest Downloader::request_of(const Url& place, const ReleaseArchive& release) const {
    WebRequest web = place == release.url ? WebRequest{.url = place, .follow_redirects = true}
                                          : mirrored_release_request(place, release.sha256, request_.stores);
    web.max_bytes = largest_archive;
    return web;
}

Downloader::Release Downloader::fetch_release(const GitRepository& repository, const Url& place,
                                              const ReleaseArchive& release) {
    if (arrived_ != nullptr && arrived_->what.place == place && arrived_->what.release.sha256 == release.sha256) {
        return {commit_files(repository, arrived_->files, release.message), release.sha256};
    }
    DownloadRequest request = request_for(Kind::file);
    request.web.max_bytes = largest_archive;
    request.sha256 = release.sha256;
    request.unpacks = true;
    const bool is_here = place.scheme() == "file";
    if (!is_here) {
        const WebRequest web = request_of(place, release);
        add_credentials(request, web.url);
        request.web = with_credentials_of(request, web);
    }
    const DownloadFolder folder(request_.downloads);
    request.folder = folder.path();
    if (is_here) {
        write_file(folder.file(), read_mirrored_release(place, release.sha256), 0644);  // its reader is another user
    }
    const std::string found = sha256_of(run(request));
    return {commit_files(repository, folder.files(), release.message), found};
}

void Downloader::fetch_ahead(const std::vector<PlacedRelease>& wanted,
                             const std::function<void(std::size_t number)>& arrived) {
    DownloadRequest request = request_for(Kind::releases);
    add_credentials(request, request_of(wanted.front().place, wanted.front().release).url);
    for (const auto& [place, release] : wanted) {
        request.archives.push_back({with_credentials_of(request, request_of(place, release)), release.sha256});
    }
    const DownloadFolder folder(request_.downloads);
    request.folder = folder.path();
    run(request, [&](const DownloadEvents::Event& event) {
        if (event.release && *event.release < wanted.size()) {
            const Arrived at_hand{wanted[*event.release], folder.files(*event.release)};
            arrived_ = &at_hand;
            try {
                arrived(*event.release);
            } catch (...) {
                arrived_ = nullptr;
                throw;
            }
            arrived_ = nullptr;
            remove_tree(at_hand.files);
        }
    });
}

fs::path Downloader::install_modules(const fs::path& program, const std::string& puppetfile,
                                     const std::string& credentials) {
    DownloadRequest request = request_for(Kind::r10k);
    request.program = program.string();
    request.puppetfile = puppetfile;
    request.credentials = credentials;
    // r10k works with absolute paths, and the folder of the state is closed to the user that it runs as.
    request.folder = request_.r10k;
    remove_installed();
    make_folder(request_.r10k.parent_path(), 0755);
    make_folder_for_confined(request_.r10k);
    give_up_at(std::chrono::steady_clock::time_point::max());  // a mirror's limit does not hold for r10k
    try {
        run(request);
    } catch (...) {
        remove_installed();  // it holds the passwords of the Puppetfile
        throw;
    }
    return request.folder / request.file;
}

Json Downloader::run(const DownloadRequest& request, const Heard& heard) {
    using std::chrono::milliseconds;
    constexpr milliseconds a_day = std::chrono::hours(24);
    const auto now = std::chrono::steady_clock::now;
    const auto left = std::chrono::duration_cast<milliseconds>(end_ - now());
    const auto take = [&](const DownloadEvents::Event& event) {
        if (now() > end_) {
            throw too_late();  // what came may take longer to read than to send
        }
        if (const auto lack = lack_of_confinement(event)) {
            std::cerr << *lack << '\n';
            return;
        }
        if (event.received.value_or(0) == 0) {
            progress_("objects", 0, 0);  // a sign of life; later the pack itself says how far it is
        }
        if (heard) {
            heard(event);
        }
    };
    return ask_download_program(processes_, request_.download_program, request,
                                std::clamp(left, milliseconds(1), a_day), too_late(), take, {});
}

DownloadRequest Downloader::request_for(Kind kind) const {
    return {.kind = kind,
            .file = DownloadFolder::file_name,
            .trust = trust_,
            .patience = {.stall = request_.settings.stall},
            .least_rate = static_cast<std::uint64_t>(request_.settings.least_rate)};
}

void Downloader::add_credentials(DownloadRequest& request, const Url& url) {
    const bool is_ssh = url.scheme() == "ssh";
    if (url.exposes_credentials()) {
        throw permanent_error("repository.credential_exposed",
                              "the user and password in the URL " + url.shown() +
                                  " are not sent, since everybody on the way there could read them",
                              "write https into the URL of the repository; an ssh URL holds no password");
    }
    for (const ReadyCredential& ready : request_.credentials) {
        if (!is_for_url(ready.credential, url)) {
            continue;
        }
        if (ready.problem) {
            throw *ready.problem;
        }
        if (url.scheme() == "http") {
            throw permanent_error("repository.credential_exposed",
                                  "the credential for " + ready.credential.host +
                                      " is not sent over http, where everybody between can read it",
                                  "write https into the URL of the repository");
        }
        const auto value = [&](const std::optional<std::string>& known, const std::optional<SecretSource>& source) {
            return known ? *known : source ? secret(*source) : "";
        };
        if (is_ssh) {
            request.ssh_key = value(ready.ssh_key, ready.credential.ssh_key);
        } else {
            request.user = ready.credential.user;
            request.password = value(ready.password, ready.credential.password);
        }
        break;
    }
    if (is_ssh) {
        request.ssh_key = request.ssh_key.empty() ? read_ssh_key(request_.settings.ssh_key) : request.ssh_key;
        request.ssh_key += request.ssh_key.ends_with('\n') ? "" : "\n";
        request.known_hosts = read_known_hosts(request_.settings.known_hosts);
    }
}

std::string Downloader::secret(const SecretSource& source) {
    const SecretStore& store = *find_secret_store(source.kind);
    const DownloadFolder folder(request_.downloads);
    DownloadRequest request = request_for(Kind::answer);
    request.folder = folder.path();
    request.web = secret_request(store, source.name, request_.secrets_identity, request_.secrets_endpoint);
    const Json ending = run(request);
    return read_secret(store, source.name, web_response_of(ending));
}

}  // namespace bootwright
