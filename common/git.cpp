#include "common/git.hpp"

#include "common/error.hpp"
#include "common/text.hpp"

#include <git2.h>
#include <git2/sys/errors.h>

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <set>
#include <system_error>
#include <utility>

namespace bootwright {

namespace fs = std::filesystem;

namespace {

template <auto free_function>
struct Free {
    template <typename T>
    void operator()(T* handle) const {
        free_function(handle);
    }
};
template <typename T, auto free_function>
using Handle = std::unique_ptr<T, Free<free_function>>;

using RepositoryHandle = Handle<git_repository, git_repository_free>;
using RemoteHandle = Handle<git_remote, git_remote_free>;
using CommitHandle = Handle<git_commit, git_commit_free>;
using TreeHandle = Handle<git_tree, git_tree_free>;

/// What libgit2 said last, in one line.
std::string last_message() {
    const git_error* error = git_error_last();
    return error == nullptr || error->message == nullptr ? "no details" : error->message;
}

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

Error corrupt(const std::string& what) {
    return transient_error("repository.corrupt", what + ": " + last_message(),
                           "nothing to do: the agent sets the damaged repository aside and fetches it again");
}

bool is_disk_full() { return contains(last_message(), "No space left on device"); }

/// Errors about our own objects and references, which libgit2 also reports from the middle of a fetch.
bool is_about_local_objects(int error_class) {
    return error_class == GIT_ERROR_ODB || error_class == GIT_ERROR_OBJECT || error_class == GIT_ERROR_REFERENCE ||
           error_class == GIT_ERROR_GRAFTS;
}

/// The Error for a failed exchange with a remote, told apart by what libgit2 reports: its return code, its error class
/// and, for HTTP statuses, the only place where it gives them: the message.
Error remote_error(int code, const std::string& shown_url) {
    const int error_class = git_error_last() == nullptr ? GIT_ERROR_NONE : git_error_last()->klass;
    std::string why = last_message();
    const std::string message = "cannot fetch from " + shown_url + ": " + why;
    // A repository may be called "certificate.git".
    const std::string path = shown_url.substr(std::min(shown_url.find("://") + 3, shown_url.size()));
    if (const std::size_t at = why.find(path); at != std::string::npos) {
        why.erase(at, path.size());
    }
    if (is_disk_full()) {
        return system_call_error("write what was fetched from", shown_url, ENOSPC);
    }
    if (code == GIT_ECERTIFICATE || contains(why, "certificate") || error_class == GIT_ERROR_SSL) {
        return permanent_error("repository.server_not_trusted", message,
                               "https: put the right CA into repository.ca_file of agent.json, and check the clock; "
                               "ssh: put the server's key into repository.known_hosts");
    }
    if (code == GIT_EAUTH || contains(why, "status code: 401") || contains(why, "status code: 403") ||
        contains(why, "uthentication")) {
        return permanent_error("repository.access_denied", message,
                               "check the key in repository.ssh_key of agent.json, or the credentials of the URL");
    }
    if (contains(why, "status code: 404") || contains(why, "epository not found") ||
        contains(why, "not appear to be a git") || contains(why, "failed to resolve path") ||
        contains(why, "could not find repository")) {
        return permanent_error("repository.not_found", message, "check repository.url of the role config");
    }
    if (error_class == GIT_ERROR_INVALID || code == GIT_EINVALIDSPEC || contains(why, "unsupported") ||
        contains(why, "malformed URL")) {
        return permanent_error("repository.url_invalid", message,
                               "write an https, http, ssh or file URL into repository.url of the role config");
    }
    if (is_about_local_objects(error_class)) {
        return corrupt("the fetch from " + shown_url + " met a damaged repository on disk");
    }
    return transient_error("repository.unreachable", message,
                           "check that the git server is running and that this machine reaches it");
}

/// For calls on the local repository.
void check_local(int code, const std::string& what) {
    if (code < 0 && contains(last_message(), "invalid path")) {
        throw permanent_error("repository.tree_refused", what + " is refused: " + last_message(),
                              "remove that name from the control repository: git itself does not allow it");
    }
    if (code < 0) {
        throw is_disk_full() ? system_call_error("finish", what, ENOSPC) : corrupt(what);
    }
}

git_oid object_id(const std::string& hex) {
    git_oid id{};
    if (git_oid_fromstr(&id, hex.c_str()) != 0) {
        throw permanent_error("repository.revision_invalid", "\"" + hex + "\" is not a full commit id",
                              "give all 40 hexadecimal digits");
    }
    return id;
}

CommitHandle find_commit(git_repository* repository, const std::string& commit_id) {
    const git_oid id = object_id(commit_id);
    git_commit* commit = nullptr;
    check_local(git_commit_lookup(&commit, repository, &id), "commit " + commit_id);
    return CommitHandle(commit);
}

TreeHandle find_tree(git_repository* repository, const std::string& commit_id) {
    git_tree* tree = nullptr;
    check_local(git_commit_tree(&tree, find_commit(repository, commit_id).get()), "the tree of commit " + commit_id);
    return TreeHandle(tree);
}

std::string hex(const git_oid& id) {
    std::array<char, GIT_OID_MAX_HEXSIZE + 1> text{};
    git_oid_tostr(text.data(), text.size(), &id);
    return text.data();
}

/// Calls `visit(path, entry)` for everything below the commit's tree until it returns false.
template <typename Visit>
void walk_tree(git_tree* tree, Visit visit) {
    const auto callback = [](const char* folder, const git_tree_entry* entry, void* user) noexcept -> int {
        auto& visitor = *static_cast<Visit*>(user);
        try {
            return visitor(std::string(folder) + git_tree_entry_name(entry), entry) ? 0 : GIT_EUSER;
        } catch (...) {
            return GIT_ERROR;  // no exception may cross libgit2
        }
    };
    if (const int code = git_tree_walk(tree, GIT_TREEWALK_PRE, callback, &visit); code != GIT_EUSER) {
        check_local(code, "the tree " + hex(*git_tree_id(tree)));
    }
}

/// Every reference must lead to an object that is there: a fetch trusts that, and would bring nothing.
void check_references(git_repository* repository) {
    const auto callback = [](git_reference* reference, void* user) noexcept -> int {
        const Handle<git_reference, git_reference_free> owner(reference);
        const git_oid* target = git_reference_target(reference);
        git_odb* odb = nullptr;
        const int code = git_repository_odb(&odb, static_cast<git_repository*>(user));
        const Handle<git_odb, git_odb_free> odb_owner(odb);
        const bool is_there = code == 0 && (target == nullptr || git_odb_exists(odb, target) == 1);
        return is_there ? 0 : GIT_ENOTFOUND;
    };
    check_local(git_reference_foreach(repository, callback, repository), "the references of the repository");
}

/// Compares one folder with one tree.
class Comparison {
public:
    Comparison(git_repository* repository, fs::path folder) : repository_(repository), folder_(std::move(folder)) {}

    std::optional<std::string> first_difference(git_tree* tree) {
        walk_tree(tree, [this](const std::string& path, const git_tree_entry* entry) {
            expected_.insert(path);
            if (!is_same(path, entry)) {
                difference_ = path;
            }
            return !difference_;
        });
        return difference_ ? difference_ : first_surplus();
    }

private:
    bool is_same(const std::string& path, const git_tree_entry* entry) {
        const fs::path file = folder_ / path;
        struct stat status {};
        if (lstat(file.c_str(), &status) != 0) {
            return false;
        }
        const git_oid* wanted = git_tree_entry_id(entry);
        git_oid found{};
        switch (git_tree_entry_filemode(entry)) {
            case GIT_FILEMODE_TREE:
            case GIT_FILEMODE_COMMIT: return S_ISDIR(status.st_mode);
            case GIT_FILEMODE_LINK: {
                std::error_code error;
                const std::string target = fs::read_symlink(file, error);
                return !error && git_odb_hash(&found, target.data(), target.size(), GIT_OBJECT_BLOB) == 0 &&
                       git_oid_equal(&found, wanted) != 0;
            }
            default: {
                const bool executable = git_tree_entry_filemode(entry) == GIT_FILEMODE_BLOB_EXECUTABLE;
                return S_ISREG(status.st_mode) && ((status.st_mode & S_IXUSR) != 0) == executable &&
                       (is_blob(file, *wanted) || is_filtered_blob(file, path, *wanted));
            }
        }
    }

    static bool is_blob(const fs::path& file, const git_oid& wanted) {
        git_oid found{};
        return git_odb_hashfile(&found, file.c_str(), GIT_OBJECT_BLOB) == 0 && git_oid_equal(&found, &wanted) != 0;
    }

    /// Whether the file is what a checkout makes of the blob by the tree's own .gitattributes (line endings, $Id$).
    bool is_filtered_blob(const fs::path& file, const std::string& path, const git_oid& wanted) {
        git_blob* found = nullptr;
        check_local(git_blob_lookup(&found, repository_, &wanted), "file " + path);
        const Handle<git_blob, git_blob_free> blob(found);
        git_buf content = GIT_BUF_INIT;
        const std::unique_ptr<git_buf, void (*)(git_buf*)> owner(&content, git_buf_dispose);
        git_blob_filter_options options = GIT_BLOB_FILTER_OPTIONS_INIT;
        check_local(git_blob_filter(&content, blob.get(), path.c_str(), &options), "file " + path);
        git_oid expected{};
        return git_odb_hash(&expected, content.ptr, content.size, GIT_OBJECT_BLOB) == 0 && is_blob(file, expected);
    }

    std::optional<std::string> first_surplus() {
        std::error_code error;
        for (auto it = fs::recursive_directory_iterator(folder_, error); it != fs::recursive_directory_iterator();
             it.increment(error)) {
            const std::string path = it->path().lexically_relative(folder_);
            if (error || !expected_.contains(path)) {
                return path;
            }
        }
        return error ? std::optional<std::string>(folder_) : std::nullopt;
    }

    git_repository* repository_;
    fs::path folder_;
    std::set<std::string> expected_;
    std::optional<std::string> difference_;
};

}  // namespace

struct GitRepository::Handles {
    RepositoryHandle repository;
};

struct GitRemote::Handles {
    std::shared_ptr<GitRepository::Handles> repository;
    GitSource source;
    GitProgress progress;
    std::string shown_url;
    RemoteHandle remote;
    int key_offers = 0;

    void reset_remote();
    [[nodiscard]] git_fetch_options fetch_options();
    [[noreturn]] void fail(int code) { throw remote_error(code, shown_url); }
};

namespace {

// C callbacks: none of them lets an exception out.

int on_transfer(const git_indexer_progress* stats, void* user) noexcept {
    try {
        static_cast<GitRemote::Handles*>(user)->progress("objects", stats->received_objects, stats->total_objects);
        return 0;
    } catch (...) {
        return GIT_EUSER;
    }
}

/// The server's own words while it counts and packs: a sign of life.
int on_server_text(const char*, int, void* user) noexcept {
    try {
        static_cast<GitRemote::Handles*>(user)->progress("objects", 0, 0);
        return 0;
    } catch (...) {
        return GIT_EUSER;
    }
}

int on_credentials(git_credential** out, const char*, const char* user_from_url, unsigned allowed,
                   void* user) noexcept {
    auto& remote = *static_cast<GitRemote::Handles*>(user);
    const char* name = user_from_url == nullptr ? "git" : user_from_url;
    if ((allowed & GIT_CREDENTIAL_SSH_KEY) != 0) {
        // libgit2 asks again for ever where the key is refused.
        return remote.key_offers++ > 0
                   ? GIT_EAUTH
                   : git_credential_ssh_key_new(out, name, nullptr, remote.source.ssh_key.c_str(), nullptr);
    }
    if ((allowed & GIT_CREDENTIAL_USERNAME) != 0) {
        return git_credential_username_new(out, name);
    }
    return GIT_EAUTH;
}

/// libgit2 has checked the certificate against the CA, or the host key against known_hosts: its verdict stands, and no
/// configuration can overrule it.
int on_certificate(git_cert*, int valid, const char* host, void*) noexcept {
    if (valid != 0) {
        return 0;
    }
    git_error_set_str(GIT_ERROR_SSL,
                      (std::string("the certificate or host key of ") + host + " is not trusted").c_str());
    return GIT_ECERTIFICATE;
}

void on_checkout(const char*, std::size_t done, std::size_t total, void* user) noexcept {
    try {
        (*static_cast<const GitProgress*>(user))("files", done, total);
    } catch (...) {  // NOLINT(bugprone-empty-catch): progress that cannot be shown is no reason to stop
    }
}

}  // namespace

GitLibrary::GitLibrary(const GitSettings& settings) {
    git_libgit2_init();
    for (const int level :
         {GIT_CONFIG_LEVEL_PROGRAMDATA, GIT_CONFIG_LEVEL_SYSTEM, GIT_CONFIG_LEVEL_XDG, GIT_CONFIG_LEVEL_GLOBAL}) {
        git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, level, "");
    }
    git_libgit2_opts(GIT_OPT_SET_HOMEDIR, settings.home.c_str());
    git_libgit2_opts(GIT_OPT_ENABLE_FSYNC_GITDIR, 1);
    git_libgit2_opts(GIT_OPT_SET_SERVER_CONNECT_TIMEOUT, settings.connect_timeout_ms);
    git_libgit2_opts(GIT_OPT_SET_SERVER_TIMEOUT, settings.silence_timeout_ms);
    if (!settings.ca_file.empty() &&
        git_libgit2_opts(GIT_OPT_SET_SSL_CERT_LOCATIONS, settings.ca_file.c_str(), nullptr) != 0) {
        throw permanent_error("repository.ca_file_invalid",
                              "cannot use " + settings.ca_file.string() + " as CA file: " + last_message(),
                              "put PEM certificates into repository.ca_file of agent.json");
    }
}

GitLibrary::~GitLibrary() { git_libgit2_shutdown(); }

GitRepository GitRepository::open_or_create(const fs::path& folder) {
    git_repository* repository = nullptr;
    const bool exists = fs::exists(folder / "HEAD");
    const int code = exists ? git_repository_open_bare(&repository, folder.c_str())
                            : git_repository_init(&repository, folder.c_str(), 1);
    RepositoryHandle handle(repository);
    check_local(code, "the repository " + folder.string());
    check_references(repository);
    return GitRepository(std::make_shared<Handles>(Handles{std::move(handle)}));
}

bool GitRepository::has_commit(const std::string& commit_id) const {
    const git_oid id = object_id(commit_id);
    git_commit* commit = nullptr;
    const int code = git_commit_lookup(&commit, handles_->repository.get(), &id);
    const CommitHandle owner(commit);
    if (code != GIT_ENOTFOUND) {
        check_local(code, "commit " + commit_id);
    }
    return code == 0;
}

void GitRepository::check_out(const std::string& commit_id, const fs::path& folder, const GitProgress& progress) {
    git_repository* repository = handles_->repository.get();
    const CommitHandle commit = find_commit(repository, commit_id);
    check_local(git_repository_set_workdir(repository, folder.c_str(), 0), "the folder " + folder.string());
    git_checkout_options options = GIT_CHECKOUT_OPTIONS_INIT;
    // The repository serves many checkouts: none of them may leave its index behind.
    options.checkout_strategy = GIT_CHECKOUT_FORCE | GIT_CHECKOUT_DONT_UPDATE_INDEX | GIT_CHECKOUT_DONT_WRITE_INDEX;
    options.progress_cb = on_checkout;
    options.progress_payload = const_cast<GitProgress*>(&progress);  // libgit2's void*; only ever read
    check_local(git_checkout_tree(repository, reinterpret_cast<const git_object*>(commit.get()), &options),
                "the checkout of " + commit_id + " into " + folder.string());
}

std::optional<std::string> GitRepository::first_difference(const std::string& commit_id, const fs::path& folder) const {
    git_repository* repository = handles_->repository.get();
    const TreeHandle tree = find_tree(repository, commit_id);
    // Line endings and the like are undone by the .gitattributes of the checkout itself.
    check_local(git_repository_set_workdir(repository, folder.c_str(), 0), "the folder " + folder.string());
    return Comparison(repository, folder).first_difference(tree.get());
}

std::optional<std::string> GitRepository::first_submodule(const std::string& commit_id) const {
    const TreeHandle tree = find_tree(handles_->repository.get(), commit_id);
    std::optional<std::string> found;
    walk_tree(tree.get(), [&](const std::string& path, const git_tree_entry* entry) {
        if (git_tree_entry_filemode(entry) == GIT_FILEMODE_COMMIT) {
            found = path;
        }
        return !found;
    });
    return found;
}

void GitRemote::Handles::reset_remote() {
    git_remote* created = nullptr;
    key_offers = 0;
    const int code = git_remote_create_anonymous(&created, repository->repository.get(), source.url.c_str());
    remote.reset(created);
    if (code < 0) {
        fail(code);
    }
}

git_fetch_options GitRemote::Handles::fetch_options() {
    git_fetch_options options = GIT_FETCH_OPTIONS_INIT;
    options.callbacks.transfer_progress = on_transfer;
    options.callbacks.sideband_progress = on_server_text;
    options.callbacks.credentials = on_credentials;
    options.callbacks.certificate_check = on_certificate;
    options.callbacks.payload = this;
    options.download_tags = GIT_REMOTE_DOWNLOAD_TAGS_NONE;
    options.update_fetchhead = 0;
    return options;
}

GitRemote::GitRemote(const GitRepository& repository, GitSource source, GitProgress progress)
    : handles_(std::make_shared<Handles>()) {
    handles_->repository = repository.handles_;
    handles_->shown_url = without_credentials(source.url);
    handles_->source = std::move(source);
    handles_->progress = std::move(progress);
    handles_->reset_remote();
}

std::vector<GitRef> GitRemote::refs() {
    git_fetch_options options = handles_->fetch_options();
    const int code =
        git_remote_connect(handles_->remote.get(), GIT_DIRECTION_FETCH, &options.callbacks, nullptr, nullptr);
    if (code < 0) {
        handles_->fail(code);
    }
    const git_remote_head** heads = nullptr;
    std::size_t count = 0;
    if (const int listed = git_remote_ls(&heads, &count, handles_->remote.get()); listed < 0) {
        handles_->fail(listed);
    }
    constexpr std::string_view peeled = "^{}";
    std::vector<GitRef> refs;
    for (std::size_t i = 0; i < count; ++i) {
        std::string name = heads[i]->name;
        if (name.ends_with(peeled)) {
            // The line before is the tag object itself; this one is the commit that it names.
            name.erase(name.size() - peeled.size());
            if (!refs.empty() && refs.back().name == name) {
                refs.pop_back();
            }
        }
        refs.push_back({std::move(name), hex(heads[i]->oid)});
    }
    return refs;
}

void GitRemote::fetch(const std::vector<std::string>& refspecs, Depth depth) {
    git_fetch_options options = handles_->fetch_options();
    const bool is_shallow = git_repository_is_shallow(handles_->repository->repository.get()) == 1;
    options.depth = depth == Depth::only_the_commit ? 1 : is_shallow ? GIT_FETCH_DEPTH_UNSHALLOW : GIT_FETCH_DEPTH_FULL;
    std::vector<std::string> copies = refspecs;
    std::vector<char*> pointers(copies.size());
    std::transform(copies.begin(), copies.end(), pointers.begin(), [](std::string& copy) { return copy.data(); });
    const git_strarray list{pointers.data(), pointers.size()};
    const int code = git_remote_fetch(handles_->remote.get(), &list, &options, nullptr);
    if (code < 0) {
        const Error error = remote_error(code, handles_->shown_url);
        handles_->reset_remote();  // the connection is of no more use
        throw error;
    }
}

std::uint64_t GitRemote::received_bytes() const { return git_remote_stats(handles_->remote.get())->received_bytes; }

}  // namespace bootwright
