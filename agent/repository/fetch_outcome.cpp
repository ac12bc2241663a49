#include "agent/repository/fetch_outcome.hpp"

#include "common/base/encoding.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/documents/json.hpp"
#include "common/net/url.hpp"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

namespace bootwright {

namespace {

constexpr std::size_t longest_name = 1000;  // of a signer, a tag, a place, a path
constexpr std::size_t most_named = 10'000;  // modules, or tags

Error makes_no_sense(const std::string& what) {
    return transient_error("repository.fetch_crashed", "bootwright-fetch says what it never says: " + what,
                           "report this as a defect of bootwright");
}

/// What the reader knows: what must not be shown, and what was asked for.
struct Reader {
    const FetchRequest& request;
    const Redactor& redactor;

    [[nodiscard]] std::string shown(const std::string& text) const {
        return shortened(printable(redactor.cleaned(text)), longest_name);
    }

    [[nodiscard]] std::string read_revision(const Json& json) const {
        const std::string revision = string_at(json, "revision");
        if (!is_commit_id(revision) || (is_commit_id(request.revision) && revision != request.revision)) {
            throw makes_no_sense("another revision than was asked for");
        }
        return revision;
    }

    [[nodiscard]] Checkout read_checkout(const Json& json) const {
        const std::string revision = read_revision(json);
        CommitWords words = cleaned(commit_words_from_json(member_at(json, "words")), redactor);
        return {revision, request.checkouts / revision, shown(string_at(json, "signer")), std::move(words)};
    }

    [[nodiscard]] std::vector<Snapshot::Module> read_modules(const Json& list) const {
        std::vector<Snapshot::Module> modules;
        for (const Json& module : list) {
            modules.push_back({shown(string_at(module, "path")), string_at(module, "commit")});
            if (!is_commit_id(modules.back().commit) || modules.size() > most_named) {
                throw makes_no_sense("a module without a commit, or too many");
            }
        }
        return modules;
    }

    [[nodiscard]] Snapshot read_snapshot(const Json& json, const std::filesystem::path& file) const {
        Snapshot snapshot{.revision = read_revision(json),
                          .file = file,
                          .modules = read_modules(json.value("modules", Json::array())),
                          .missing = read_modules(json.value("missing", Json::array())),
                          .files = number_at(json, "files"),
                          .bytes = number_at(json, "bytes")};
        for (const Json& tag : json.value("tags", Json::array())) {
            if (!tag.is_string() || snapshot.tags.size() == most_named) {
                throw makes_no_sense("a tag without a name, or too many");
            }
            snapshot.tags.push_back(shown(tag.get<std::string>()));
        }
        return snapshot;
    }

    [[nodiscard]] ResolvedModule read_module(const Json& json) const {
        if (const auto error = json.find("error"); error != json.end()) {
            return {.problem = read_error(*error)};
        }
        ResolvedModule module{.commit = string_at(json, "commit"), .tree = string_at(json, "tree")};
        if (json.contains("version")) {
            module.version = string_at(json, "version");
            module.url = Url::parse(string_at(json, "url")).value_or(Url());
            module.sha256 = string_at(json, "sha256");
            constexpr std::size_t digits = 64;
            if (!is_made_of(module.version, ".-+", longest_name) || module.url.empty() ||
                !is_made_of(module.sha256, "", digits)) {
                throw makes_no_sense("a release that is none");
            }
        }
        if (const auto metadata = json.find("metadata"); metadata != json.end()) {
            module.metadata = module_metadata_from_json(*metadata);
        }
        if (!is_commit_id(module.commit) || !is_commit_id(module.tree)) {
            throw makes_no_sense("a module without a commit");
        }
        return module;
    }

    /// An error that the child throws. Not "stopped": the agent itself knows that.
    [[nodiscard]] Error read_error(const Json& json) const {
        constexpr std::size_t longest_code = 60;
        constexpr std::array areas{"archive.",    "git.",     "http.",   "io.", "process.",
                                   "repository.", "sandbox.", "server.", "url."};
        Error error = error_from_json(json);
        error.message = redactor.cleaned(error.message);  // libgit2 has had its say in it
        error.advice = redactor.cleaned(error.advice);
        const bool is_known =
            error.code == "internal" ||
            (is_made_of(error.code, "._", longest_code) &&
             std::any_of(areas.begin(), areas.end(), [&](const char* area) { return error.code.starts_with(area); }));
        return is_known && error.kind != ErrorKind::stopped ? error : makes_no_sense("the error " + error.message);
    }

    void read(const Json& event, const FetchEvents& events, FetchOutcome& answer) const {
        if (!event.is_object()) {
            return;
        }
        if (const auto checkout = event.find("checkout"); checkout != event.end()) {
            answer.checkout = read_checkout(*checkout);
        } else if (const auto error = event.find("error"); error != event.end()) {
            answer.error = read_error(*error);
        } else {
            hear(event, events);
        }
    }

    /// Progress, and what a place said.
    void hear(const Json& event, const FetchEvents& events) const {
        if (const auto progress = event.find("progress"); progress != event.end()) {
            events.progress(shown(string_at(*progress, "what")), number_at(*progress, "done"),
                            number_at(*progress, "total"));
        } else if (const auto place = event.find("place"); place != event.end() && place->is_object()) {
            const auto seconds = place->find("seconds");
            const bool has_seconds = seconds != place->end() && seconds->is_number();
            events.heard({shown(string_at(*place, "place")), redactor.cleaned(string_at(*place, "said")),
                          has_seconds ? seconds->get<double>() : 0, shown(string_at(*place, "module"))});
        }
    }
};

/// The file that was asked for, or looked into.
std::filesystem::path file_of(const SnapshotRequest& request, const Json& json) {
    return request.look_into.empty() ? request.output / (string_at(json, "revision") + ".bundle") : request.look_into;
}

}  // namespace

ProcessRequest fetch_process(const System& system, const Json& request, std::chrono::milliseconds timeout) {
    return {.arguments = {system.fetch_program.string()},
            .environment = {{"PATH", "/usr/sbin:/usr/bin:/sbin:/bin"}, {"LC_ALL", "C.UTF-8"}},
            .input = to_line(request),
            .timeout = timeout,
            .grace = std::chrono::seconds(2),
            .ends_family = true};
}

CommitWords cleaned(CommitWords words, const Redactor& redactor) {
    for (std::string* text : {&words.subject, &words.author, &words.tag}) {
        *text = redactor.cleaned(*text);
    }
    return words;
}

Redactor secrets_of(const FetchRequest& request) {
    Redactor redactor;
    std::vector<Url> urls = request.places;
    urls.insert(urls.end(), {request.name_url, request.settings.proxy});
    urls.insert(urls.end(), request.release_mirrors.begin(), request.release_mirrors.end());
    for (const Url& url : urls) {
        redactor.add_url(url);
    }
    for (const ReadyCredential& ready : request.credentials) {
        redactor.add(ready.password.value_or(""));
        redactor.add(ready.ssh_key.value_or(""));
    }
    for (const auto& identity : {request.stores.s3_keys, request.stores.identity, request.secrets_identity}) {
        if (identity) {
            redactor.add(identity->secret_key);
            redactor.add(identity->session_token);
            redactor.add(identity->bearer_token);
        }
    }
    return redactor;
}

Redactor secrets_of(const SnapshotRequest& request) {
    Redactor redactor = secrets_of(request.fetch);
    redactor.add_url(Url::parse(request.repository).value_or(Url()));
    return redactor;
}

Redactor secrets_of(const ModulesRequest& request) {
    Redactor redactor = secrets_of(request.fetch);
    for (const ModuleWish& module : request.modules) {
        redactor.add_url(module.url);
    }
    return redactor;
}

void read_fetch_event(std::string_view line, const FetchRequest& request, const Redactor& redactor,
                      const FetchEvents& events, FetchOutcome& answer) {
    Reader{request, redactor}.read(parse_json(line), events, answer);
}

void read_fetch_event(std::string_view line, const SnapshotRequest& request, const Redactor& redactor,
                      const FetchEvents& events, FetchOutcome& answer) {
    const Json event = parse_json(line);
    const Reader reader{request.fetch, redactor};
    const auto snapshot = event.find("snapshot");
    if (!event.is_object() || snapshot == event.end()) {
        reader.read(event, events, answer);
    } else if (!snapshot->is_object()) {
        throw makes_no_sense("a snapshot that is none");
    } else {
        answer.snapshot = reader.read_snapshot(*snapshot, file_of(request, *snapshot));
    }
}

void read_fetch_event(std::string_view line, const BetweenRequest& request, const Redactor& redactor,
                      const FetchEvents& events, FetchOutcome& answer) {
    const Json event = parse_json(line);
    if (const Json& between = member_at(event, "between"); between.is_object()) {
        answer.between = between_from_json(between, redactor);
    } else {
        Reader{request.fetch, redactor}.read(event, events, answer);
    }
}

void read_fetch_event(std::string_view line, const ModulesRequest& request, const Redactor& redactor,
                      const FetchEvents& events, FetchOutcome& answer) {
    const Json event = parse_json(line);
    const Reader reader{request.fetch, redactor};
    const auto module = event.find("module");
    if (!event.is_object() || module == event.end()) {
        reader.read(event, events, answer);
    } else if (!module->is_object() || answer.modules.size() == request.modules.size()) {
        throw makes_no_sense("a module that is none, or that nobody asked for");
    } else {
        answer.modules.push_back(reader.read_module(*module));
    }
}

}  // namespace bootwright
