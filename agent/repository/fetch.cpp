#include "agent/repository/fetch.hpp"

#include "common/error.hpp"
#include "common/file.hpp"
#include "common/json.hpp"
#include "common/text.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <iterator>
#include <system_error>

namespace bootwright {

namespace fs = std::filesystem;

namespace {

bool is_ssh(const FetchRequest& request) { return request.url.starts_with("ssh://"); }

/// libgit2's local transport knows no shallow fetch, and that of 1.8.4 over ssh sends its request twice, which the server
/// refuses ("expected SHA1 list").
bool can_be_shallow(const FetchRequest& request) {
    return request.url.starts_with("https://") || request.url.starts_with("http://");
}

void check_ssh_files(const FetchRequest& request) {
    struct stat key {};
    if (stat(request.ssh_key.c_str(), &key) != 0) {
        throw permanent_error("repository.no_ssh_key", "there is no ssh key at " + request.ssh_key.string(),
                              "put an ed25519 private key there, or name another in repository.ssh_key of agent.json");
    }
    if ((key.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        throw permanent_error("repository.ssh_key_exposed", "others may read the ssh key " + request.ssh_key.string(),
                              "chmod 600 " + request.ssh_key.string());
    }
    if (!fs::exists(request.known_hosts)) {
        throw permanent_error(
            "repository.no_known_hosts",
            "there is no known_hosts file at " + request.known_hosts.string() + ", so no ssh server can be trusted",
            "put the server's host key there: the line that `ssh-keyscan HOST` prints, once compared");
    }
}

/// libgit2 believes only HOME/.ssh/known_hosts: a home of our own holds a copy of the configured file, and nothing else.
fs::path prepare_home(const FetchRequest& request) {
    const fs::path home = request.repository.parent_path() / "home";
    make_folder(home / ".ssh", 0700);
    if (is_ssh(request)) {
        check_ssh_files(request);
        write_file(home / ".ssh/known_hosts", read_file(request.known_hosts, std::size_t{4} << 20U), 0600);
    }
    return home;
}

/// The commit that a branch's or tag's name stands for.
std::string resolve(const std::vector<GitRef>& refs, const std::string& name) {
    std::vector<GitRef> found;
    for (const GitRef& ref : refs) {
        if (ref.name == name || ref.name == "refs/heads/" + name || ref.name == "refs/tags/" + name) {
            found.push_back(ref);
        }
    }
    if (found.empty()) {
        throw permanent_error("repository.revision_not_found", "the repository has no branch or tag \"" + name + "\"",
                              "push it, or correct repository.revision of the role config");
    }
    if (found.size() > 1) {
        throw permanent_error("repository.revision_ambiguous", "\"" + name + "\" is a branch and also a tag",
                              "write " + joined({found[0].name, found[1].name}, " or ") + " as repository.revision");
    }
    return found.front().commit_id;
}

/// The cheapest way that the server allows: the tip of a ref alone, the commit alone, all branches and tags.
void fetch_commit(GitRepository& repository, GitRemote& remote, const std::vector<GitRef>& refs,
                  const FetchRequest& request, const std::string& commit) {
    using Depth = GitRemote::Depth;
    const auto tip = std::find_if(refs.begin(), refs.end(), [&](const GitRef& ref) { return ref.commit_id == commit; });
    if (can_be_shallow(request) && tip != refs.end()) {
        remote.fetch({"+" + tip->name + ":refs/bootwright/pin"}, Depth::only_the_commit);
    } else if (can_be_shallow(request)) {
        try {
            remote.fetch({"+" + commit + ":refs/bootwright/pin"}, Depth::only_the_commit);
        } catch (const Error&) {
            // Most servers refuse a commit that is no tip (git protocol v0): the full fetch below says what is wrong.
        }
    }
    if (!repository.has_commit(commit)) {
        remote.fetch({"+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"}, Depth::with_history);
    }
}

/// The pinned commit, in the repository when this returns.
std::string obtain_commit(GitRepository& repository, const FetchRequest& request, const GitProgress& progress) {
    const bool is_pinned = is_commit_id(request.revision);
    if (is_pinned && repository.has_commit(request.revision)) {
        return request.revision;
    }
    GitRemote remote(repository, {request.url, request.ca_file, request.ssh_key}, progress);
    const std::vector<GitRef> refs = remote.refs();
    std::string commit = is_pinned ? request.revision : resolve(refs, request.revision);
    if (!repository.has_commit(commit)) {
        fetch_commit(repository, remote, refs, request, commit);
    }
    if (!repository.has_commit(commit)) {
        throw permanent_error("repository.revision_not_found",
                              without_credentials(request.url) + " has no commit " + commit + " on any branch or tag",
                              "push it, or correct repository.revision of the role config");
    }
    return commit;
}

/// Puts `fresh` at `folder`, which may hold an older tree; at no moment is there a half of one.
void move_into_place(const fs::path& fresh, const fs::path& folder) {
    const bool exists = fs::exists(fs::symlink_status(folder));
    if (renameat2(AT_FDCWD, fresh.c_str(), AT_FDCWD, folder.c_str(), exists ? RENAME_EXCHANGE : 0U) != 0) {
        throw system_call_error("rename the checkout to", folder.string(), errno);
    }
    sync_folder(folder.parent_path());
    remove_tree(fresh);
}

fs::path ensure_checkout(GitRepository& repository, const FetchRequest& request, const std::string& commit,
                         const GitProgress& progress) {
    const fs::path folder = request.checkouts / commit;
    if (fs::is_directory(fs::symlink_status(folder)) && !repository.first_difference(commit, folder)) {
        return folder;
    }
    if (const auto submodule = repository.first_submodule(commit)) {
        throw permanent_error("repository.submodule",
                              "commit " + commit + " has a submodule at " + *submodule + ", which is not fetched",
                              "vendor the module: put its files into the control repository itself");
    }
    const fs::path fresh = request.checkouts / ".new";
    remove_tree(fresh);
    make_folder(fresh, 0755);
    repository.check_out(commit, fresh, progress);
    if (const auto difference = repository.first_difference(commit, fresh)) {
        throw transient_error("repository.checkout_differs",
                              "the new checkout of " + commit + " differs from the commit at " + *difference,
                              "check the disk (`dmesg`); if it persists, the tree holds names that this file system "
                              "cannot store");
    }
    sync_file_system(fresh);
    move_into_place(fresh, folder);
    return folder;
}

/// Removes all but the newest checkouts. A checkout's time is when it was last asked for.
void prune(const FetchRequest& request, const std::string& current) {
    std::vector<std::pair<fs::file_time_type, fs::path>> others;
    for (const auto& entry : fs::directory_iterator(request.checkouts)) {
        const std::string name = entry.path().filename();
        const bool is_protected =
            std::find(request.protect.begin(), request.protect.end(), name) != request.protect.end();
        if (is_commit_id(name) && name != current && !is_protected) {
            others.emplace_back(entry.last_write_time(), entry.path());
        }
    }
    std::sort(others.begin(), others.end(), std::greater<>());
    const auto kept = std::min(others.size(), static_cast<std::size_t>(std::max(request.keep - 1, 0)));
    for (auto it = others.begin() + static_cast<std::ptrdiff_t>(kept); it != others.end(); ++it) {
        remove_tree(it->second);
    }
}

Checkout fetch_once(const FetchRequest& request, const GitProgress& progress) {
    GitRepository repository = GitRepository::open_or_create(request.repository);
    const std::string commit = obtain_commit(repository, request, progress);
    const fs::path folder = ensure_checkout(repository, request, commit, progress);
    fs::last_write_time(folder, fs::file_time_type::clock::now());
    prune(request, commit);
    return {commit, folder};
}

void set_aside(const fs::path& repository) {
    const fs::path damaged = repository.string() + ".damaged";
    remove_tree(damaged);
    std::error_code error;
    fs::rename(repository, damaged, error);
    if (error) {
        throw system_call_error("set aside the damaged repository", repository.string(), error.value());
    }
}

/// Writes progress events, at most ten a second.
class ProgressWriter {
public:
    void operator()(std::string_view what, std::uint64_t done, std::uint64_t total) {
        const auto now = std::chrono::steady_clock::now();
        if (now - last_ < std::chrono::milliseconds(100) && (total == 0 || done < total)) {
            return;
        }
        last_ = now;
        emit({{"progress", {{"what", what}, {"done", done}, {"total", total}}}});
    }
    static void emit(const Json& event) { std::cout << to_line(event) << '\n' << std::flush; }

private:
    std::chrono::steady_clock::time_point last_{};
};

}  // namespace

Checkout fetch_checkout(const FetchRequest& request, const GitProgress& progress) {
    make_folder(request.repository.parent_path(), 0700);
    make_folder(request.checkouts, 0700);
    const auto lock = FileLock::try_take(request.repository.string() + ".lock");
    if (!lock) {
        throw transient_error("repository.busy", "another process works on " + request.repository.string(),
                              "nothing to do: the agent tries again");
    }
    const GitLibrary library(
        {.home = prepare_home(request), .ca_file = request.ca_file, .silence_timeout_ms = request.silence_ms});
    try {
        return fetch_once(request, progress);
    } catch (const Error& error) {
        if (error.code != "repository.corrupt") {
            throw;
        }
        std::cerr << error.message << ": set aside, fetching again\n";
    }
    set_aside(request.repository);
    return fetch_once(request, progress);
}

int run_fetch_child() {
    try {
        const std::string input(std::istreambuf_iterator<char>(std::cin), {});
        const FetchRequest request = fetch_request_from_json(Json::parse(input));
        const Checkout checkout = fetch_checkout(request, ProgressWriter());
        ProgressWriter::emit({{"checkout", {{"revision", checkout.revision}, {"folder", checkout.folder.string()}}}});
        return 0;
    } catch (const Error& error) {
        ProgressWriter::emit({{"error", to_json(error)}});
    } catch (const std::exception& error) {
        ProgressWriter::emit({{"error", to_json(transient_error("repository.fetch_crashed", error.what(),
                                                                "report this as a defect of bootwright"))}});
    }
    return 1;
}

}  // namespace bootwright
