#include "agent/repository/fetch/fetch.hpp"

#include "agent/repository/fetch/pruning.hpp"
#include "agent/repository/fetch/words_of.hpp"
#include "agent/repository/modules/modules.hpp"
#include "agent/repository/modules/puppetfile_passwords.hpp"
#include "agent/repository/modules/r10k.hpp"
#include "agent/repository/proof/not_before.hpp"
#include "agent/repository/proof/seal.hpp"
#include "agent/repository/proof/signature.hpp"
#include "agent/repository/sources/downloader.hpp"
#include "agent/repository/sources/followed.hpp"
#include "agent/repository/sources/mirrors.hpp"
#include "common/base/encoding.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/documents/json.hpp"
#include "common/files/file.hpp"
#include "common/files/room.hpp"
#include "common/sandbox/user.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <iostream>
#include <system_error>

namespace bootwright {

namespace fs = std::filesystem;

namespace {

using Verify = AgentConfig::Repository::Verify;
using Puppetfile = AgentConfig::Repository::Puppetfile;

/// Puts `fresh` at `folder`, which may hold an older tree. There is never half a tree there.
void move_into_place(const fs::path& fresh, const fs::path& folder) {
    const bool exists = fs::exists(fs::symlink_status(folder));
    if (renameat2(AT_FDCWD, fresh.c_str(), AT_FDCWD, folder.c_str(), exists ? RENAME_EXCHANGE : 0U) != 0) {
        throw system_call_error("rename the checkout to", folder.string(), errno);
    }
    sync_folder(folder.parent_path());
    remove_tree(fresh);
}

/// Throws before anything is written if the disk would become full.
void require_space(const fs::path& folder, const TreeSize& size) {
    constexpr std::uint64_t margin = std::uint64_t{4} << 20U;
    const Room room = room_in(folder);
    const std::uint64_t needed = size.bytes + size.files * room.block / 2 + margin;  // each file takes whole blocks
    if (room.bytes < needed || room.files <= size.files) {
        throw transient_error("io.no_space",
                              "the checkout needs " + mebibytes(needed) + " and " + counted(size.files, "file") +
                                  ", and " + folder.string() + " has room for " + room.shown(),
                              "free space there (`df -h`, `df -i`), or lower repository.keep of agent.json");
    }
}

/// The one commit that is fetched, with what is in its folders, from proof to checkout.
class CommitFetch {
public:
    CommitFetch(const FetchRequest& request, ProcessRunner& processes, const FetchEvents& events)
        : request_(request),
          processes_(processes),
          events_(events),
          downloader_(request, processes, events.progress),
          mirrors_(request, downloader_, events.progress, events.heard) {}

    Checkout run() {
        RepositorySource source = open_source(request_, request_.name_url, request_.places);
        source.not_before = request_.settings.not_before;
        const bool with_tags = request_.settings.verify == Verify::tag || request_.settings.verify == Verify::both;
        std::string signer;
        const auto prove = [&](const GitRepository& repository, const ObtainedCommit& commit) {
            signer = verify(repository, commit);
        };
        const ObtainedCommit commit = mirrors_.obtain(source, request_.revision, with_tags, prove);
        auto modules = obtain_modules(request_, processes_, events_, mirrors_, source, commit.id);
        const fs::path folder = request_.checkouts / commit.id;
        const std::uint64_t fingerprint = ensure_checkout(source.repository, commit.id, modules, folder);
        const CommitWords words = words_of(request_, source.repository, commit.id, tag_);
        write_seal(folder, {fingerprint, request_.policy, signer, commits_of(source, commit.id, modules),
                            request_.settings.not_before, words});
        if (!is_commit_id(request_.revision) && !commit.is_from_seed) {
            Followed(source.folder).set(request_.revision, commit.id);
        }
        prune(request_, source.repository, modules, commit.id);
        return {commit.id, folder, signer, words};
    }

private:
    static std::vector<SealedCommit> commits_of(const RepositorySource& source, const std::string& commit,
                                                const std::vector<ModuleTree>& modules) {
        std::vector<SealedCommit> commits{{source.folder.filename(), commit}};
        for (const ModuleTree& module : modules) {
            commits.push_back({module.repository.folder().filename(), module.commit});
        }
        return commits;
    }

    /// Checks that the signature that the image asks for is there, by a key that it knows. Returns the signer.
    std::string verify(const GitRepository& repository, const ObtainedCommit& commit) {
        const Verify wanted = request_.settings.verify;
        tag_.clear();
        require_not_before(repository, commit.id, request_.settings.not_before, request_.checkouts);
        refuse_other_name(repository, commit);
        std::string signer;
        if (wanted == Verify::commit || wanted == Verify::both) {
            signer = verified(repository.commit_signature(commit.id), "commit " + commit.id);
        }
        if (wanted == Verify::tag || wanted == Verify::both) {
            signer = verify_a_tag(repository, commit);
        }
        return signer;
    }

    /// The name of the tag that a revision asks for; "" for a pin, and for what says that it is no tag. A server may
    /// call any name a branch, so "v1" must be the tag v1 whenever a tag must be proven.
    [[nodiscard]] std::string tag_asked_for() const {
        const std::string& revision = request_.revision;
        constexpr std::string_view tags = "refs/tags/";
        if (revision.starts_with(tags)) {
            return revision.substr(tags.size());
        }
        return is_commit_id(revision) || revision == "HEAD" || revision.starts_with("refs/") ? "" : revision;
    }

    /// If the name is an annotated tag's, the tag object must have the same name: else an old tag passes for a new one.
    void refuse_other_name(const GitRepository& repository, const ObtainedCommit& commit) {
        const std::string name = tag_asked_for();
        if (name.empty() || commit.tags.empty()) {
            return;
        }
        const std::vector<std::string> tags = all_tags(repository, commit);
        const auto has_name = [&](const std::string& tag) { return repository.tag_name(tag) == name; };
        if (std::none_of(tags.begin(), tags.end(), has_name)) {
            throw tag_misnamed(name, commit.id, repository.tag_name(commit.tags.front()));
        }
        tag_ = name;
    }

    static Error tag_misnamed(const std::string& name, const std::string& commit, const std::string& other) {
        return permanent_error("repository.tag_misnamed",
                               "\"" + name + "\" leads to commit " + commit + ", whose tag calls itself \"" +
                                   printable(shortened(other, 100)) + "\"",
                               "look who has moved that name on the server; of a branch write refs/heads/" + name +
                                   " as repository.revision");
    }

    /// The tags of the commit, with those that they lead through.
    static std::vector<std::string> all_tags(const GitRepository& repository, const ObtainedCommit& commit) {
        std::vector<std::string> tags;
        for (const std::string& tag : commit.tags) {
            const TagChain chain = repository.follow_tag(tag);
            if (chain.target == commit.id) {
                tags.insert(tags.end(), chain.tags.begin(), chain.tags.end());
            }
        }
        return tags;
    }

    std::string verify_a_tag(const GitRepository& repository, const ObtainedCommit& commit) {
        const std::string name = tag_asked_for();
        Error error =
            signature_missing((name.empty() ? "any tag" : "a tag \"" + name + "\"") + " of commit " + commit.id);
        for (const std::string& tag : all_tags(repository, commit)) {
            try {
                if (const std::string own = repository.tag_name(tag); name.empty() || own == name) {
                    tag_ = own;
                    return verified(repository.tag_signature(tag), "tag " + own);
                }
            } catch (const Error& failure) {
                if (failure.kind != ErrorKind::permanent) {
                    throw;
                }
                error = failure;  // another tag of the commit may do
            }
        }
        throw Error(error);
    }

    std::string verified(const std::optional<SignedText>& text, const std::string& what) {
        if (!text) {
            throw signature_missing(what);
        }
        const SignatureKeys keys{request_.settings.allowed_signers, request_.settings.keyring};
        const fs::path folder = request_.repositories / "signature";
        make_folder(folder, 0700);
        return verify_signature(processes_, keys, text->signature, text->payload, text->time, what, folder, {});
    }

    /// Returns the fingerprint of what was proven.
    std::uint64_t ensure_checkout(GitRepository& repository, const std::string& commit, std::vector<ModuleTree> modules,
                                  const fs::path& folder) {
        const auto puppetfile = puppetfile_for_r10k(repository, commit);
        // Only the seal proves what r10k has installed, and here the seal was not enough.
        if (!puppetfile && fs::is_directory(fs::symlink_status(folder))) {
            const std::uint64_t fingerprint = tree_fingerprint(folder);  // what changes meanwhile is not sealed
            if (!first_difference(repository, commit, modules, folder)) {
                return fingerprint;
            }
        }
        refuse_unconverted_files(repository, commit, "");
        TreeSize size = repository.tree_size(commit);
        for (const ModuleTree& module : modules) {
            refuse_unconverted_files(module.repository, module.commit, module.path + "/");
            const TreeSize more = module.repository.tree_size(module.commit);
            size = {size.bytes + more.bytes, size.files + more.files};
        }
        require_space(request_.checkouts, size);
        const fs::path fresh = request_.checkouts / ".new";
        remove_tree(fresh);
        make_folder(fresh, 0755);
        std::uint64_t fingerprint = repository.check_out(commit, fresh, events_.progress);
        std::sort(modules.begin(), modules.end(),
                  [](const ModuleTree& one, const ModuleTree& other) { return one.path < other.path; });
        for (ModuleTree& module : modules) {  // a module comes before those inside it
            module.repository.check_out(module.commit, module_folder(fresh, module), events_.progress);
        }
        if (puppetfile) {
            const fs::path r10k = find_r10k();
            require_own_user(confined_user);
            const PuppetfilePasswords passwords = take_out_passwords(*puppetfile);
            copy_modules(downloader_.install_modules(r10k, passwords.text, credential_lines(passwords.urls)), fresh);
            downloader_.remove_installed();
        }
        if (puppetfile || !modules.empty()) {  // they have changed folders since
            fingerprint = tree_fingerprint(fresh);
        }
        sync_file_system(fresh);
        remove_tree(seal_of(folder));  // it speaks of the old tree
        move_into_place(fresh, folder);
        return fingerprint;
    }

    /// The Puppetfile, if r10k is to install what it asks for.
    [[nodiscard]] std::optional<std::string> puppetfile_for_r10k(const GitRepository& repository,
                                                                 const std::string& commit) const {
        constexpr std::size_t largest = std::size_t{1} << 20U;
        return request_.settings.puppetfile == Puppetfile::r10k ? repository.read_file_of(commit, "Puppetfile", largest)
                                                                : std::nullopt;
    }

    /// Makes the folder of a module. No link of a tree may lead out of the checkout.
    static fs::path module_folder(const fs::path& fresh, const ModuleTree& module) {
        const std::string shown = "the module at " + module.path + " (" + module.named_at + ")";
        fs::path folder = fresh;
        for (const fs::path& part : fs::path(module.path)) {
            folder /= part;
            const auto status = fs::symlink_status(folder);
            if (!fs::exists(status)) {
                make_folder(folder, 0755);
            } else if (!fs::is_directory(status)) {
                throw permanent_error("repository.submodule", shown + " would stand behind a link or file of the tree",
                                      "correct .gitmodules or the Puppetfile, or vendor the module");
            }
        }
        if (!fs::is_empty(folder)) {
            throw permanent_error("repository.submodule", shown + " would stand among other files",
                                  "correct .gitmodules or the Puppetfile, or vendor the module");
        }
        return folder;
    }

    static std::optional<std::string> first_difference(const GitRepository& repository, const std::string& commit,
                                                       const std::vector<ModuleTree>& modules, const fs::path& folder) {
        const auto within = [&](const std::string& prefix) {
            std::vector<std::string> paths;
            for (const ModuleTree& module : modules) {
                if (module.path.starts_with(prefix) && module.path.size() > prefix.size()) {
                    paths.push_back(module.path.substr(prefix.size()));
                }
            }
            return paths;
        };
        if (auto difference = repository.first_difference(commit, folder, within(""))) {
            return difference;
        }
        for (const ModuleTree& module : modules) {
            const auto difference =
                module.repository.first_difference(module.commit, folder / module.path, within(module.path + "/"));
            if (difference) {
                return module.path + "/" + *difference;
            }
        }
        return std::nullopt;
    }

    const FetchRequest& request_;
    ProcessRunner& processes_;
    const FetchEvents& events_;
    Downloader downloader_;
    Mirrors mirrors_;
    std::string tag_{};  ///< of the commit: the one that was asked for or verified; no other is believed
};

/// Makes the repositories anew, from the network. The old ones stay, for whoever wants to look into them.
void set_aside(const FetchRequest& request) {
    std::vector<fs::path> repositories;
    for (const auto& entry : fs::directory_iterator(request.repositories)) {
        if (entry.path().extension() == ".git") {
            repositories.push_back(entry.path());
        }
    }
    for (const fs::path& repository : repositories) {
        const fs::path damaged = repository.string() + ".damaged";
        remove_tree(damaged);
        std::error_code error;
        fs::rename(repository, damaged, error);
        if (error) {
            throw system_call_error("set aside the damaged repository", repository.string(), error.value());
        }
    }
}

}  // namespace

Checkout fetch_checkout(const FetchRequest& request, ProcessRunner& processes, const FetchEvents& events) {
    make_folder(request.repositories, 0700);
    make_folder(request.checkouts, 0700);
    const auto lock = FileLock::try_take(request.repositories / "lock");
    if (!lock) {
        throw transient_error("repository.busy", "another process works on " + request.repositories.string(),
                              "nothing to do: the agent tries again");
    }
    const GitLibrary library;
    const auto run_unless_corrupt = [&]() -> std::optional<Checkout> {
        try {
            return CommitFetch(request, processes, events).run();
        } catch (const Error& error) {
            if (error.code != "git.corrupt") {
                throw;
            }
            std::cerr << error.message << ": set aside, fetching again\n";
        }
        set_aside(request);
        return std::nullopt;
    };
    if (auto checkout = run_unless_corrupt()) {
        return *checkout;
    }
    if (fs::exists(request.settings.seed)) {
        if (auto checkout = run_unless_corrupt()) {
            return *checkout;
        }
    }
    FetchRequest without_seed = request;  // the only one left that can be damaged
    without_seed.settings.seed.clear();
    return CommitFetch(without_seed, processes, events).run();
}

}  // namespace bootwright
