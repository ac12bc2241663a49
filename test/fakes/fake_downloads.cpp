#include "test/fakes/fake_downloads.hpp"

#include "common/base/encoding.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/files/file.hpp"
#include "test/fakes/git_program.hpp"
#include "test/fakes/temporary_root.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace bootwright {

namespace {

std::string url_of(const DownloadRequest& request) {
    switch (request.kind) {
        case DownloadRequest::Kind::git: return request.url.for_transfer();
        case DownloadRequest::Kind::releases: return request.archives.front().web.url.for_transfer();
        default: return request.web.url.for_transfer();
    }
}

/// Standard output of a script, as it is.
std::string bytes_of(const std::filesystem::path& folder, const std::string& script) {
    const TemporaryRoot root;
    shell_with_git(folder, "{ " + script + "\n} > '" + (root.path() / "out").string() + "'");
    return root.read("/out");
}

}  // namespace

ProcessResult FakeDownloads::run(const ProcessRequest& request, const ProcessEvents& events, std::stop_token stop) {
    if (std::filesystem::path(request.arguments.at(0)).filename() != "bootwright-download") {
        return others_.run(request, events, stop);
    }
    processes.push_back(request);
    requests.push_back(download_request_from_json(Json::parse(request.input)));
    const std::string url = url_of(requests.back());
    const auto server = servers_.find(url);
    FakeProcesses script;
    script.answer("bootwright-download", server == servers_.end()
                                             ? fails_with(transient_error("server.unreachable", "no script for " + url,
                                                                          "write one"))(requests.back())
                                             : server->second(requests.back()));
    return script.run(request, events, stop);
}

std::vector<std::string> FakeDownloads::asked() const {
    std::vector<std::string> urls;
    std::transform(requests.begin(), requests.end(), std::back_inserter(urls), url_of);
    return urls;
}

FakeProcesses::Script gives(const DownloadRequest& request, const std::string& bytes, const Json& ending) {
    const auto grown = [](std::size_t size) { return to_line({{"received", size}}); };
    return {
        .lines = {grown(0), grown(bytes.size() / 2), grown(bytes.size()), to_line(ending)},
        .work = [=, file = request.folder / request.file](const ProcessRequest&) { write_file(file, bytes, 0600); }};
}

FakeDownloads::Server fails_with(const Error& error) {
    return [error](const DownloadRequest&) -> FakeProcesses::Script {
        return {.result = {.exit_code = 1}, .lines = {to_line({{"error", to_json(error)}})}};
    };
}

FakeDownloads::Server answers(int status, const std::string& body) {
    return [=](const DownloadRequest&) -> FakeProcesses::Script {
        const Json answer{{"status", status}, {"headers", Json::object()}, {"body", encode_base64(body)}};
        return {.lines = {to_line({{"answer", answer}})}};
    };
}

std::string pack_of(const std::filesystem::path& folder, const std::vector<std::string>& ids) {
    return bytes_of(folder, "{ git rev-list --objects --no-walk " + joined(ids, " ") + " | cut -d' ' -f1; printf '" +
                                joined(ids, "\\n") + "\\n'; } | sort -u | git pack-objects -q --stdout");
}

namespace {

/// What git's own upload-pack gives: all that leads to `wanted`, less what the wish says to be there.
std::string history_of(const std::filesystem::path& folder, const std::vector<std::string>& wanted,
                       const GitWish& wish) {
    std::string lines;
    for (const std::string& id : wish.shallow) {
        lines += " '--shallow " + id + "'";
    }
    lines += " " + joined(wanted, " ") + " --not";
    for (const std::string& id : wish.haves) {
        lines += bytes_of(folder, "git cat-file -e " + id + " 2>/dev/null && printf ' " + id + "' || true");
    }
    return bytes_of(folder,
                    "printf '%s\\n'" + lines + " | git --shallow-file '' pack-objects -q --revs --shallow --stdout");
}

}  // namespace

FakeDownloads::Server git_server(const std::filesystem::path& folder) {
    return [folder](const DownloadRequest& request) {
        const GitWish& wish = request.wish;
        GitAnswer answer{.commit = shell_with_git(folder, "git rev-parse '" + wish.revision + "^{commit}'"),
                         .has_pack = true,
                         .is_shallow = !wish.with_history};
        std::vector<std::string> wanted{answer.commit};
        const std::string tags = wish.with_tags ? bytes_of(folder, "git for-each-ref --points-at " + answer.commit +
                                                                       " --format='%(objecttype) %(objectname) "
                                                                       "%(refname)' refs/tags")
                                                : "";
        for (const std::string& line : split(tags, '\n')) {
            const std::vector<std::string> words = split(line, ' ');
            if (words.front() == "tag") {
                answer.tags.push_back({words.at(2), words.at(1)});
                wanted.push_back(words.at(1));
            }
        }
        const std::string pack = wish.with_history ? history_of(folder, wanted, wish) : pack_of(folder, wanted);
        return gives(request, pack, {{"git", to_json(answer)}});
    };
}

FakeDownloads::Server snapshot_server(const std::filesystem::path& folder,
                                      const std::vector<std::pair<std::string, std::string>>& refs) {
    return [=](const DownloadRequest& request) {
        std::string bundle = "# v2 git bundle\n";
        std::vector<std::string> ids;
        for (const auto& [id, name] : refs) {
            bundle += id + " " + name + "\n";
            ids.push_back(id);
        }
        return gives(request, bundle + "\n" + pack_of(folder, ids), {{"snapshot", Json::object()}});
    };
}

}  // namespace bootwright
