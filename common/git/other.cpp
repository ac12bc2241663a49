// Other repositories of this machine, which are read and never written.

#include "common/git/pack.hpp"
#include "common/git/references.hpp"

namespace bootwright {

namespace fs = std::filesystem;
using namespace libgit2;

namespace {

RepositoryHandle open_other(const fs::path& path) {
    RepositoryHandle repository;
    const int code = git_repository_open_ext(out(repository), path.c_str(), GIT_REPOSITORY_OPEN_NO_SEARCH, nullptr);
    if (code < 0) {
        throw permanent_error("git.no_repository",
                              "there is no git repository at " + path.string() + ": " + last_message(), "");
    }
    return repository;
}

void require_there(git_repository* repository, const fs::path& path, const std::string& id, git_object_t type) {
    if (!is_there(repository, object_id(id), type)) {
        throw permanent_error("git.revision_not_found",
                              "the repository " + path.string() + " has no " + git_object_type2string(type) + " " + id,
                              "");
    }
}

/// Runs `action`, which reads another repository than our own: damage counts as the other's.
template <typename Action>
void blame(const fs::path& other, Action action) {
    try {
        action();
    } catch (const Error& error) {
        if (error.code != "git.corrupt") {
            throw;
        }
        throw transient_error("git.pack_damaged",
                              "the repository " + other.string() + " is damaged or incomplete: " + error.message, "");
    }
}

}  // namespace

void GitRepository::copy_commit_from(const fs::path& repository, const std::string& commit_id,
                                     const std::vector<std::string>& tag_ids, const GitProgress& progress) {
    const RepositoryHandle other = open_other(repository);
    OdbHandle odb = handles_->odb();
    const auto is_missing = [&](const git_oid& id) { return !exists(odb.get(), id); };
    blame(repository, [&] {
        libgit2::refuse_other_object(other.get(), commit_id);
        require_there(other.get(), repository, commit_id, GIT_OBJECT_COMMIT);
        const IncomingFolder folder(*handles_);
        pack_without_deltas(other.get(), folder);
        const PackBuilderHandle pack = new_pack(other.get());
        insert_commit(pack.get(), other.get(), commit_id, is_missing);
        for (const std::string& tag_id : tag_ids) {
            require_there(other.get(), repository, tag_id, GIT_OBJECT_TAG);
            insert_tag(pack.get(), other.get(), tag_id, is_missing);
        }
        if (git_packbuilder_object_count(pack.get()) > 0) {
            GitPackImport import(*this, progress);
            build(pack.get(), [&](std::string_view bytes) { import.append(bytes); });
            odb.reset();  // nothing may hold a damaged pack that is replaced now
            import.finish();
        }
    });
}

std::vector<GitRef> local_refs(const fs::path& repository) {
    const RepositoryHandle other = open_other(repository);
    std::vector<std::string> names;
    blame(repository, [&] { names = reference_names(other.get(), "*"); });
    names.insert(names.begin(), "HEAD");
    std::vector<GitRef> refs;
    for (std::string& name : names) {
        git_oid target{};
        AnyHandle object;
        AnyHandle commit;
        const bool is_there = git_reference_name_to_id(&target, other.get(), name.c_str()) == 0 &&
                              git_object_lookup(out(object), other.get(), &target, GIT_OBJECT_ANY) == 0;
        if (is_there && git_object_peel(out(commit), object.get(), GIT_OBJECT_COMMIT) == 0) {
            const bool is_tag = git_object_type(object.get()) == GIT_OBJECT_TAG;
            refs.push_back({std::move(name), hex(*git_object_id(commit.get())), is_tag ? hex(target) : ""});
        }
    }
    return refs;
}

std::string origin_of(const fs::path& repository) {
    const RepositoryHandle other = open_other(repository);
    Handle<git_remote, git_remote_free> origin;
    if (git_remote_lookup(out(origin), other.get(), "origin") != 0) {
        return "";
    }
    const char* url = git_remote_url(origin.get());
    return url == nullptr ? "" : url;
}

}  // namespace bootwright
